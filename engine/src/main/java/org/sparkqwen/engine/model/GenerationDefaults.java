package org.sparkqwen.engine.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The settings that generation_config.json suggests; null or empty where it says nothing, or says that something is
/// off.
///
/// Settings that the engine does not support are kept in `faults`; they stop generation, and nothing else.
///
/// @param sample false for greedy decoding, whatever the temperature
/// @param maxNewTokens the most tokens to generate
/// @param minNewTokens the fewest tokens to generate
/// @param faults reasons why texts of this model would not be those of transformers, a line each
/// @param warnings remarks on the file for the user, a line each
public record GenerationDefaults(
        boolean sample,
        @Nullable Integer maxNewTokens,
        @Nullable Integer minNewTokens,
        @Nullable Double temperature,
        @Nullable Integer topK,
        @Nullable Double topP,
        @Nullable Double minP,
        @Nullable Double repetitionPenalty,
        @Nullable Integer noRepeatNgramSize,
        List<List<Integer>> badWords,
        List<Integer> suppressTokens,
        List<Integer> beginSuppressTokens,
        List<Integer> forcedEosTokenIds,
        List<Integer> eosTokenIds,
        List<String> faults,
        List<String> warnings) {

    /// The defaults of a model that suggests nothing.
    public static final GenerationDefaults NONE = new GenerationDefaults(
            false, null, null, null, null, null, null, null, null, List.of(), List.of(), List.of(), List.of(),
            List.of(), List.of(), List.of());

    static final String FILE_NAME = "generation_config.json";

    private static final int MANY = 1 << 24;

    private static final Set<String> OBEYED = Set.of(
            "bad_words_ids",
            "begin_suppress_tokens",
            "do_sample",
            "eos_token_id",
            "forced_eos_token_id",
            "max_new_tokens",
            "min_new_tokens",
            "min_p",
            "no_repeat_ngram_size",
            "repetition_penalty",
            "suppress_tokens",
            "temperature",
            "top_k",
            "top_p");

    /// Keys that change no token of a text that is generated on its own.
    private static final Set<String> HARMLESS = Set.of(
            "_commit_hash",
            "_from_model_config",
            "assistant_confidence_threshold",
            "assistant_early_exit",
            "assistant_lookbehind",
            "bos_token_id",
            "cache_config",
            "cache_implementation",
            "compile_config",
            "decoder_start_token_id",
            "disable_compile",
            "early_stopping",
            "generation_kwargs",
            "is_assistant",
            "length_penalty",
            "low_memory",
            "max_matching_ngram_size",
            "max_time",
            "num_assistant_tokens",
            "num_assistant_tokens_schedule",
            "output_attentions",
            "output_hidden_states",
            "output_logits",
            "output_scores",
            "pad_token_id",
            "prefill_chunk_size",
            "prompt_lookup_num_tokens",
            "remove_invalid_values",
            "renormalize_logits",
            "return_dict_in_generate",
            "return_legacy_cache",
            "target_lookbehind",
            "transformers_version",
            "trust_remote_code",
            "use_cache",
            "use_model_defaults");

    /// Keys that would change texts and are not supported, with the values at which they are off; null is such a
    /// value for every key.
    private static final Map<String, Predicate<JsonNode>> OFF = Map.ofEntries(
            Map.entry("constraints", GenerationDefaults::isEmpty),
            Map.entry("custom_generate", _ -> false),
            Map.entry("diversity_penalty", value -> isNumber(value, 0)),
            Map.entry("dola_layers", _ -> false),
            Map.entry("encoder_no_repeat_ngram_size", value -> isNumber(value, 0)),
            Map.entry("encoder_repetition_penalty", value -> isNumber(value, 1)),
            Map.entry("epsilon_cutoff", value -> isNumber(value, 0)),
            Map.entry("eta_cutoff", value -> isNumber(value, 0)),
            Map.entry("exponential_decay_length_penalty", _ -> false),
            Map.entry("force_words_ids", GenerationDefaults::isEmpty),
            Map.entry("forced_bos_token_id", _ -> false),
            Map.entry("forced_decoder_ids", GenerationDefaults::isEmpty),
            Map.entry("guidance_scale", value -> isNumber(value, 1)),
            Map.entry("min_length", value -> isNumber(value, 0)),
            Map.entry("num_beam_groups", value -> isNumber(value, 1)),
            Map.entry("num_beams", value -> isNumber(value, 1)),
            Map.entry("num_return_sequences", value -> isNumber(value, 1)),
            Map.entry("penalty_alpha", value -> isNumber(value, 0)),
            Map.entry("sequence_bias", GenerationDefaults::isEmpty),
            Map.entry("stop_strings", GenerationDefaults::isEmpty),
            Map.entry("token_healing", value -> value.isBoolean() && !value.booleanValue()),
            Map.entry("top_h", _ -> false),
            Map.entry("typical_p", value -> isNumber(value, 1)),
            Map.entry("watermarking_config", GenerationDefaults::isEmpty));

    private static boolean isNumber(JsonNode value, double number) {
        return value.isNumber() && value.doubleValue() == number;
    }

    private static boolean isEmpty(JsonNode value) {
        return value.isContainerNode() && value.isEmpty();
    }

    /// Reads the model's generation_config.json; the result is [#NONE] if there is no such file.
    static GenerationDefaults read(ModelFolder folder) {
        return folder.has(FILE_NAME) ? new Reader(folder).read() : NONE;
    }

    /// Reads one key after the other, and notes the faults.
    private static final class Reader {
        private final List<String> faults = new ArrayList<>();
        private final List<String> warnings = new ArrayList<>();
        private final ConfigJson json;

        Reader(ModelFolder folder) {
            JsonNode node = or(() -> folder.readObject(FILE_NAME), JsonNodeFactory.instance.objectNode());
            json = new ConfigJson(folder.origin(FILE_NAME), node);
        }

        GenerationDefaults read() {
            checkKeys();
            return new GenerationDefaults(
                    or(() -> json.flag("do_sample", false), false),
                    setting("max_new_tokens", () -> json.positiveInt("max_new_tokens", MANY)),
                    setting("min_new_tokens", () -> json.wholeNumber("min_new_tokens", 0, MANY)),
                    setting(
                            "temperature",
                            () -> json.number("temperature", value -> value >= 0, "a number of at least 0")),
                    setting("top_k", () -> Math.max(0, json.wholeNumber("top_k", -1, MANY))),
                    setting(
                            "top_p",
                            () -> json.number(
                                    "top_p", value -> value > 0 && value <= 1, "a number above 0 and at most 1")),
                    setting(
                            "min_p",
                            () -> json.number("min_p", value -> value >= 0 && value <= 1, "a number from 0 to 1")),
                    setting(
                            "repetition_penalty",
                            () -> json.number("repetition_penalty", value -> value > 0, "a number above 0")),
                    setting("no_repeat_ngram_size", () -> json.wholeNumber("no_repeat_ngram_size", 0, MANY)),
                    or(this::badWords, List.of()),
                    or(() -> suppressed("suppress_tokens"), List.of()),
                    or(() -> suppressed("begin_suppress_tokens"), List.of()),
                    or(() -> json.tokenIds("forced_eos_token_id"), List.of()),
                    or(() -> json.tokenIds("eos_token_id"), List.of()),
                    List.copyOf(faults),
                    List.copyOf(warnings));
        }

        private void checkKeys() {
            for (String key : json.keys()) {
                Predicate<JsonNode> off = OFF.get(key);
                if (off != null && !off.test(json.node().path(key))) {
                    note(json.unsupported(key, "remove it from the file to generate without it")
                            .getMessage());
                } else if (key.equals("max_length")) {
                    warnings.add("%s: max_length is not obeyed; --max-new-tokens says how long texts may be"
                            .formatted(FILE_NAME));
                } else if (off == null && !OBEYED.contains(key) && !HARMLESS.contains(key)) {
                    warnings.add("%s: key %s is unknown and ignored".formatted(FILE_NAME, Quote.of(key)));
                }
            }
        }

        private void note(@Nullable String fault) {
            faults.add(Quote.line(fault));
            warnings.add("%s; generate refuses the model".formatted(Quote.line(fault)));
        }

        private <T> @Nullable T setting(String key, Supplier<T> value) {
            if (!json.has(key)) {
                return null;
            }
            try {
                return value.get();
            } catch (InvalidModelException e) {
                note(e.getMessage());
                return null;
            }
        }

        private <T> T or(Supplier<T> value, T otherwise) {
            try {
                return value.get();
            } catch (InvalidModelException e) {
                note(e.getMessage());
                return otherwise;
            }
        }

        /// Reads suppressed ids. Negative ids are no tokens and suppress nothing, such as Whisper's -1 for
        /// none.
        private List<Integer> suppressed(String key) {
            List<Integer> ids = new ArrayList<>();
            JsonNode value = json.node().path(key);
            if (json.has(key) && !value.isArray()) {
                throw json.wrong(key, "a list of token ids");
            }
            for (JsonNode id : value) {
                if (!id.isIntegralNumber() || !id.canConvertToInt()) {
                    throw json.wrong(key, "a list of token ids");
                }
                if (id.intValue() >= 0) {
                    ids.add(id.intValue());
                }
            }
            return List.copyOf(ids);
        }

        private List<List<Integer>> badWords() {
            JsonNode value = json.node().path("bad_words_ids");
            List<List<Integer>> words = new ArrayList<>();
            for (JsonNode word : value) {
                List<Integer> ids = new ArrayList<>();
                for (JsonNode id : word) {
                    ids.add(id.isIntegralNumber() && id.canConvertToInt() ? id.intValue() : -1);
                }
                if (ids.isEmpty() || ids.stream().anyMatch(id -> id < 0)) {
                    throw json.wrong("bad_words_ids", "a list of lists of token ids");
                }
                words.add(List.copyOf(ids));
            }
            if (json.has("bad_words_ids") && !value.isArray()) {
                throw json.wrong("bad_words_ids", "a list of lists of token ids");
            }
            return List.copyOf(words);
        }
    }
}
