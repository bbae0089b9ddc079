package org.sparkqwen.job;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.model.GenerationDefaults;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.sampling.Penalties;
import org.sparkqwen.engine.sampling.SamplingParams;
import picocli.CommandLine.Option;

/// How tokens are chosen.
final class SamplingOptions {
    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "Divides logits before sampling; 0 takes the likeliest token. Default: the model's.")
    private @Nullable Double temperature;

    @Option(names = "--top-k", paramLabel = "K", description = "Sample from the K likeliest tokens; 0 for all.")
    private @Nullable Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "Sample from the likeliest tokens that reach this probability together; 1 for all.")
    private @Nullable Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description = "Sample from tokens at least this fraction as likely as the likeliest; 0 for all. After"
                    + " top-k and top-p, as in transformers; vLLM has it before them.")
    private @Nullable Double minP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "F",
            description =
                    "Divides positive logits of tokens in the prompt or the text, and multiplies negative ones, as"
                            + " in transformers and vLLM. Default: the model's, or 1 for none.")
    private @Nullable Double repetitionPenalty;

    @Option(
            names = "--presence-penalty",
            paramLabel = "F",
            defaultValue = "0",
            description = "Subtracted from the logits of tokens in the text, not the prompt, as in vLLM and OpenAI's"
                    + " API; transformers has none. From -2 to 2. Default: ${DEFAULT-VALUE}.")
    private double presencePenalty;

    @Option(
            names = "--frequency-penalty",
            paramLabel = "F",
            defaultValue = "0",
            description = "The same, for each time that the token is there. Default: ${DEFAULT-VALUE}.")
    private double frequencyPenalty;

    @Option(
            names = "--logit-bias",
            paramLabel = "ID=BIAS",
            split = ",",
            description = "Added to the logit of a token, before penalties; -100 forbids it. Repeatable.")
    private Map<Integer, Double> logitBias = new LinkedHashMap<>();

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "With the prompt and the sample's number it makes a text's random numbers, wherever and"
                    + " whenever the text is generated. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--row-params",
            paramLabel = "NAME",
            split = ",",
            description = "Columns that set a row's own temperature, top_k, top_p, min_p, repetition_penalty,"
                    + " presence_penalty, frequency_penalty, seed, max_new_tokens or min_new_tokens, with commas"
                    + " between; null takes the run's.")
    private List<String> rowParams = new ArrayList<>();

    /// @throws IllegalArgumentException naming the option that makes no sense
    SamplingParams params(ModelConfig config, int choosableTokens) {
        for (int id : logitBias.keySet()) {
            if (id < 0 || id >= choosableTokens) {
                throw Refusal.usage(
                        "--logit-bias: token %d is outside the vocabulary of %,d".formatted(id, choosableTokens));
            }
        }
        GenerationDefaults defaults = config.generationDefaults();
        double modelTemperature = defaults.sample() ? Objects.requireNonNullElse(defaults.temperature(), 1.0) : 0;
        return new SamplingParams(
                first(temperature, modelTemperature, 0.0),
                first(topK, defaults.topK(), 0),
                first(topP, defaults.topP(), 1.0),
                first(minP, defaults.minP(), 0.0),
                new Penalties(
                        first(repetitionPenalty, defaults.repetitionPenalty(), 1.0), presencePenalty, frequencyPenalty),
                logitBias,
                seed);
    }

    /// @throws IllegalArgumentException if there is no such parameter
    List<RowParam> rowParams() {
        return rowParams.stream().map(RowParam::of).toList();
    }

    static <T> T first(@Nullable T given, @Nullable T modelDefault, T otherwise) {
        return given != null ? given : modelDefault != null ? modelDefault : otherwise;
    }
}
