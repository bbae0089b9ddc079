package org.sparkqwen.engine.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.sparkqwen.engine.message.Quote;

/// Sorts every key of a GGUF file's metadata by what it means to this engine: it is obeyed, it changes nothing, or it
/// changes results and only the value that this engine computes is accepted. Any other key gives a warning.
/// docs/models.md has the table.
final class GgufKeys {
    /// Stands for the architecture at the start of a key.
    private static final String ARCHITECTURE = "*.";

    /// Keys that [GgufHeader], [GgufModel], [GgufConfig] and [GgufTokenizer] read.
    static final Set<String> OBEYED = Set.of(
            "general.alignment",
            "general.architecture",
            "split.count",
            "split.no",
            "tokenizer.chat_template",
            "tokenizer.ggml.add_bos_token",
            "tokenizer.ggml.add_eos_token",
            "tokenizer.ggml.bos_token_id",
            "tokenizer.ggml.eos_token_id",
            "tokenizer.ggml.eot_token_id",
            "tokenizer.ggml.merges",
            "tokenizer.ggml.model",
            "tokenizer.ggml.pre",
            "tokenizer.ggml.token_type",
            "tokenizer.ggml.tokens",
            "*.attention.head_count",
            "*.attention.head_count_kv",
            "*.attention.key_length",
            "*.attention.layer_norm_rms_epsilon",
            "*.attention.value_length",
            "*.block_count",
            "*.context_length",
            "*.embedding_length",
            "*.expert_count",
            "*.expert_feed_forward_length",
            "*.expert_used_count",
            "*.expert_weights_norm",
            "*.feed_forward_length",
            "*.rope.dimension_count",
            "*.rope.freq_base",
            "*.rope.scaling.factor",
            "*.rope.scaling.original_context_length",
            "*.rope.scaling.type",
            "*.rope.scaling.yarn_beta_fast",
            "*.rope.scaling.yarn_beta_slow",
            "*.vocab_size");

    /// Keys that say what a tensor's type says too, name further tokens, or matter to other kinds of tokenizers.
    static final Set<String> WITHOUT_EFFECT = Set.of(
            "general.file_type",
            "split.tensors.count",
            "tokenizer.chat_templates",
            "tokenizer.ggml.cls_token_id",
            "tokenizer.ggml.eom_token_id",
            "tokenizer.ggml.fim_mid_token_id",
            "tokenizer.ggml.fim_pad_token_id",
            "tokenizer.ggml.fim_pre_token_id",
            "tokenizer.ggml.fim_rep_token_id",
            "tokenizer.ggml.fim_sep_token_id",
            "tokenizer.ggml.fim_suf_token_id",
            "tokenizer.ggml.mask_token_id",
            "tokenizer.ggml.middle_token_id",
            "tokenizer.ggml.padding_token_id",
            "tokenizer.ggml.prefix_token_id",
            "tokenizer.ggml.scores",
            "tokenizer.ggml.seperator_token_id",
            "tokenizer.ggml.suffix_token_id",
            "tokenizer.ggml.token_type_count",
            "tokenizer.ggml.unknown_token_id",
            "*.pooling_type",
            "*.rope.scaling.finetuned");

    /// The starts of keys that describe where a model comes from, how it was quantized, and further chat templates.
    static final Set<String> STARTS_WITHOUT_EFFECT = Set.of(
            "general.author",
            "general.base_model.",
            "general.basename",
            "general.dataset",
            "general.description",
            "general.doi",
            "general.finetune",
            "general.languages",
            "general.license",
            "general.name",
            "general.organization",
            "general.quantized_by",
            "general.repo_url",
            "general.size_label",
            "general.source.",
            "general.tags",
            "general.url",
            "general.uuid",
            "general.version",
            "quantize.imatrix.",
            "tokenizer.chat_template.");

    /// The start of keys that suggest how to sample.
    private static final String SAMPLING = "general.sampling.";

    /// Keys that change results, with the value at which they do not.
    private static final Map<String, Neutral> CHANGING = changing();

    private GgufKeys() {}

    /// The values at which a key changes nothing.
    enum Neutral {
        FALSE("false", value -> value instanceof GgufValue.Flag(boolean flag) && !flag),
        TRUE("true", value -> value instanceof GgufValue.Flag(boolean flag) && flag),
        ZERO("0", value -> isNumber(value, 0)),
        ONE("1", value -> isNumber(value, 1)),
        SOFTMAX("1, softmax,", value -> isNumber(value, 1)),
        TWO("2", value -> isNumber(value, 2)),
        NOTHING("nothing", _ -> false),
        MODEL("model", value -> value instanceof GgufValue.Text(String text) && text.equals("model"));

        private final String shown;

        @SuppressWarnings("ImmutableEnumChecker") // functions without state
        private final Predicate<GgufValue> allows;

        Neutral(String shown, Predicate<GgufValue> allows) {
            this.shown = shown;
            this.allows = allows;
        }
    }

    private static boolean isNumber(GgufValue value, double number) {
        return switch (value) {
            case GgufValue.Whole(long whole) -> whole == number;
            case GgufValue.Real(double real) -> real == number;
            case GgufValue.Flag _, GgufValue.Text _, GgufValue.Array _ -> false;
        };
    }

    private static Map<String, Neutral> changing() {
        Map<String, Neutral> keys = new TreeMap<>();
        put(keys, Neutral.MODEL, "general.type");
        put(keys, Neutral.TWO, "general.quantization_version");
        put(
                keys,
                Neutral.FALSE,
                "tokenizer.ggml.add_sep_token",
                "tokenizer.ggml.add_space_prefix",
                "tokenizer.ggml.remove_extra_whitespaces",
                "*.swin_norm",
                "*.use_parallel_residual");
        put(keys, Neutral.TRUE, "*.attention.causal");
        put(
                keys,
                Neutral.ZERO,
                "*.attention.clamp_kqv",
                "*.attention.kv_lora_rank",
                "*.attention.max_alibi_bias",
                "*.attention.q_lora_rank",
                "*.attention.scale",
                "*.attention.shared_kv_layers",
                "*.attention.sliding_window",
                "*.attention.temperature_length",
                "*.attention.temperature_scale",
                "*.attn_logit_softcapping",
                "*.expert_group_count",
                "*.expert_group_used_count",
                "*.expert_shared_count",
                "*.expert_shared_feed_forward_length",
                "*.final_logit_softcapping",
                "*.leading_dense_block_count",
                "*.n_deepstack_layers",
                "*.nextn_predict_layers",
                "*.rope.scaling.alpha",
                "*.rope.scaling.yarn_log_multiplier",
                "*.router_logit_softcapping");
        put(
                keys,
                Neutral.ONE,
                "*.attention.output_scale",
                "*.embedding_scale",
                "*.expert_group_scale",
                "*.expert_weights_scale",
                "*.interleave_moe_layer_step",
                "*.logit_scale",
                "*.moe_every_n_layers",
                "*.residual_scale",
                "*.rope.scale_linear",
                "*.rope.scaling.attn_factor",
                "*.rope.scaling.yarn_attn_factor",
                "*.rope.scaling.yarn_ext_factor");
        put(keys, Neutral.SOFTMAX, "*.expert_gating_func");
        put(
                keys,
                Neutral.NOTHING,
                "*.attention.sliding_window_pattern",
                "*.rope.dimension_sections",
                "tokenizer.ggml.precompiled_charsmap");
        return keys;
    }

    private static void put(Map<String, Neutral> keys, Neutral neutral, String... names) {
        for (String name : names) {
            keys.put(name, neutral);
        }
    }

    /// The keys that change results.
    static Set<String> changingKeys() {
        return CHANGING.keySet();
    }

    /// Refuses a key that would change results, and warns of unknown keys.
    ///
    /// @param architecture the start of keys that describe the model
    /// @param name the file's name, for warnings
    /// @return a line for each kind of warning
    static List<String> check(GgufMetadata metadata, String architecture, String name) {
        List<String> unknown = new ArrayList<>();
        List<String> sampling = new ArrayList<>();
        metadata.values().forEach((key, value) -> {
            String general =
                    key.startsWith(architecture + ".") ? ARCHITECTURE + key.substring(architecture.length() + 1) : key;
            Neutral neutral = CHANGING.get(general);
            if (neutral != null && !neutral.allows.test(value)) {
                throw metadata.unsupported(
                        key, "it would change results; %s or no such key is".formatted(neutral.shown));
            }
            if (key.startsWith(SAMPLING)) {
                sampling.add(key);
            } else if (neutral == null
                    && !OBEYED.contains(general)
                    && !WITHOUT_EFFECT.contains(general)
                    && STARTS_WITHOUT_EFFECT.stream().noneMatch(key::startsWith)) {
                unknown.add(key);
            }
        });
        List<String> warnings = new ArrayList<>();
        if (!unknown.isEmpty()) {
            warnings.add("%s: unknown keys are ignored: %s".formatted(name, Quote.list(unknown)));
        }
        if (!sampling.isEmpty()) {
            warnings.add("%s: settings of generation are ignored, because a generation_config.json beside the file says"
                            .formatted(name)
                    + " more: " + Quote.list(sampling));
        }
        return warnings;
    }
}
