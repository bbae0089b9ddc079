package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.model.GenerationDefaults;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.sampling.Penalties;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.sampling.TokenRules;
import org.sparkqwen.job.columns.RowParam;
import org.sparkqwen.job.failure.Refusal;
import picocli.CommandLine.Option;

/// The options that say how tokens are sampled.
final class SamplingOptions {
    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "Logits are divided by T before sampling. 0 is greedy decoding: it takes the likeliest"
                    + " token. Default: the model's.")
    private @Nullable Double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            description = "The token is sampled from the K likeliest ones. 0 or -1 means all. Default: the model's.")
    private @Nullable Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "The token is sampled from the likeliest ones that together reach this probability. 1 means"
                    + " all. Default: the model's.")
    private @Nullable Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description = "The token is sampled from those that are at least this fraction as likely as the"
                    + " likeliest. 0 means all. The filter comes after top-k and top-p, as in transformers. vLLM"
                    + " has it before them. Default: the model's.")
    private @Nullable Double minP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "F",
            description = "For tokens in the prompt or the text, positive logits are divided by F and negative ones"
                    + " are multiplied by F, as in transformers and vLLM. Default: the model's, or 1, which is no"
                    + " penalty.")
    private @Nullable Double repetitionPenalty;

    @Option(
            names = "--presence-penalty",
            paramLabel = "F",
            defaultValue = "0",
            description = "F, from -2 to 2, is subtracted from the logits of tokens that are in the text, not in the"
                    + " prompt. vLLM and OpenAI's API have the same penalty, and transformers has none. Default:"
                    + " ${DEFAULT-VALUE}.")
    private double presencePenalty;

    @Option(
            names = "--frequency-penalty",
            paramLabel = "F",
            defaultValue = "0",
            description = "F, from -2 to 2, is subtracted once for each time that the token is in the text. Default:"
                    + " ${DEFAULT-VALUE}.")
    private double frequencyPenalty;

    @Option(
            names = "--logit-bias",
            paramLabel = "ID=BIAS",
            split = ",",
            description = "BIAS is added to the logit of this token before the penalties. -100 forbids the token. You"
                    + " may repeat the option.")
    private Map<Integer, Double> logitBias = new LinkedHashMap<>();

    @Option(
            names = "--no-repeat-ngram-size",
            paramLabel = "N",
            description = "No sequence of N tokens comes twice in prompt and text. 0 allows all. This option and the"
                    + " next four are as in transformers. Default: the model's, or 0.")
    private @Nullable Integer noRepeatNgramSize;

    @Option(
            names = "--bad-words-ids",
            paramLabel = "IDS",
            description = "These token ids, with commas between, never follow each other in this order. You may"
                    + " repeat the option. none means no such sequence. Default: the model's.")
    private List<String> badWords = new ArrayList<>();

    @Option(
            names = "--suppress-tokens",
            paramLabel = "IDS",
            description = "These token ids, with commas between, are never chosen. none means no token. Default: the"
                    + " model's.")
    private @Nullable String suppressTokens;

    @Option(
            names = "--begin-suppress-tokens",
            paramLabel = "IDS",
            description = "These token ids, with commas between, are never chosen as the first token of a text. none"
                    + " means no token. Default: the model's.")
    private @Nullable String beginSuppressTokens;

    @Option(
            names = "--forced-eos-token-id",
            paramLabel = "IDS",
            description = "The last token that there is room for is this one, or one of several. none means any"
                    + " token. Default: the model's.")
    private @Nullable String forcedEosTokenIds;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "The seed, the prompt and the sample's number determine a text's random numbers, wherever"
                    + " and whenever the text is generated. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--row-params",
            paramLabel = "NAME",
            split = ",",
            description = "These columns, with commas between, set parameters of their own row: temperature, top_k,"
                    + " top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty,"
                    + " no_repeat_ngram_size, seed, max_new_tokens or min_new_tokens. Where a column is null, the"
                    + " row takes the run's value.")
    private List<String> rowParams = new ArrayList<>();

    /// @throws IllegalArgumentException if an option makes no sense; it names the option
    SamplingParams params(ModelConfig config, int choosableTokens) {
        for (int id : logitBias.keySet()) {
            if (id < 0 || id >= choosableTokens) {
                throw Refusal.usage(
                        "--logit-bias: token %d is outside the vocabulary of %,d".formatted(id, choosableTokens));
            }
        }
        GenerationDefaults defaults = config.generationDefaults();
        if (!defaults.faults().isEmpty()) {
            throw new InvalidModelException(defaults.faults().getFirst());
        }
        double modelTemperature = defaults.sample() ? Objects.requireNonNullElse(defaults.temperature(), 1.0) : 0;
        return new SamplingParams(
                first(temperature, modelTemperature, 0.0),
                first(topK, defaults.topK(), 0),
                first(topP, defaults.topP(), 1.0),
                first(minP, defaults.minP(), 0.0),
                new Penalties(
                        first(repetitionPenalty, defaults.repetitionPenalty(), 1.0), presencePenalty, frequencyPenalty),
                logitBias,
                rules(config, choosableTokens),
                seed);
    }

    private TokenRules rules(ModelConfig config, int choosableTokens) {
        GenerationDefaults defaults = config.generationDefaults();
        List<List<Integer>> words = badWords.isEmpty() ? defaults.badWords() : badWords(choosableTokens);
        return new TokenRules(
                first(noRepeatNgramSize, defaults.noRepeatNgramSize(), 0),
                // For transformers a bad word that is a single end-of-text token is no bad word.
                words.stream()
                        .filter(word -> word.size() > 1 || !config.eosTokenIds().contains(word.getFirst()))
                        .toList(),
                ids("--suppress-tokens", suppressTokens, defaults.suppressTokens(), choosableTokens),
                ids("--begin-suppress-tokens", beginSuppressTokens, defaults.beginSuppressTokens(), choosableTokens),
                ids("--forced-eos-token-id", forcedEosTokenIds, defaults.forcedEosTokenIds(), choosableTokens));
    }

    private List<List<Integer>> badWords(int choosableTokens) {
        return badWords.stream()
                .map(word -> ids("--bad-words-ids", word, List.of(), choosableTokens))
                .filter(word -> !word.isEmpty())
                .toList();
    }

    private static List<Integer> ids(String option, @Nullable String given, List<Integer> ofModel, int tokens) {
        if (given == null) {
            return ofModel;
        }
        if (given.equals("none")) {
            return List.of();
        }
        List<Integer> ids = new ArrayList<>();
        for (String id : given.split(",", -1)) {
            if (!id.strip().matches("[0-9]{1,9}")) {
                throw Refusal.usage("%s: '%s' is no list of token ids, such as 17,4; none is for none"
                        .formatted(option, Quote.of(given)));
            }
            ids.add(Integer.valueOf(id.strip()));
            if (ids.getLast() >= tokens) {
                throw Refusal.usage(
                        "%s: token %d is outside the vocabulary of %,d".formatted(option, ids.getLast(), tokens));
            }
        }
        return ids;
    }

    /// @throws IllegalArgumentException if there is no such parameter
    List<RowParam> rowParams() {
        return rowParams.stream().map(RowParam::of).toList();
    }

    static <T> T first(@Nullable T given, @Nullable T modelDefault, T otherwise) {
        return given != null ? given : modelDefault != null ? modelDefault : otherwise;
    }
}
