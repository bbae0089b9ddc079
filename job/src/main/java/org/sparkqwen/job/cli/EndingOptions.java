package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import picocli.CommandLine.Option;

/// The options that say when texts end.
final class EndingOptions {
    private static final int DEFAULT_NEW_TOKENS = 256;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description = "At most N tokens are generated. The text then ends with finish_reason length. Default: the"
                    + " model's, or "
                    + DEFAULT_NEW_TOKENS
                    + ".")
    private @Nullable Integer maxNewTokens;

    @Option(
            names = "--min-new-tokens",
            paramLabel = "N",
            description = "Before N tokens no end token is chosen, and no --stop is looked for. Default: the model's,"
                    + " or 0. With a constraint it is 0.")
    private @Nullable Integer minNewTokens;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "The output ends before this text. You may repeat the option.")
    private List<String> stop = new ArrayList<>();

    @Option(
            names = "--stop-token-id",
            paramLabel = "ID",
            description = "This token ends the output, in addition to the model's end-of-text tokens. You may repeat"
                    + " the option.")
    private List<Integer> stopTokenIds = new ArrayList<>();

    @Option(names = "--ignore-eos", description = "The text goes on after the model's end-of-text tokens.")
    private boolean ignoreEos;

    @Option(
            names = "--stop-repetition",
            paramLabel = "N",
            defaultValue = "0",
            description = "A text ends with finish_reason repetition when the same sequence of up to 64 tokens came N"
                    + " times in a row. 0 means never. Default: ${DEFAULT-VALUE}.")
    private int repetitions;

    /// @param constrained whether a constraint decides where texts end
    /// @throws IllegalArgumentException if an option makes no sense; it names the option
    Ending ending(ModelReference model, boolean constrained) {
        if (!stop.isEmpty() && !model.hasTokenizer()) {
            throw Refusal.usage("--stop needs a model with a tokenizer; take --stop-token-id");
        }
        for (int id : stopTokenIds) {
            if (id < 0 || id >= model.config().vocabSize()) {
                throw Refusal.usage("--stop-token-id %d is outside the vocabulary of %,d"
                        .formatted(id, model.config().vocabSize()));
            }
        }
        int most = SamplingOptions.first(
                maxNewTokens, model.config().generationDefaults().maxNewTokens(), DEFAULT_NEW_TOKENS);
        Integer ofModel =
                constrained ? null : model.config().generationDefaults().minNewTokens();
        int least = minNewTokens != null ? minNewTokens : ofModel == null ? 0 : Math.min(ofModel, most);
        return new Ending(most, least, stop, stopTokenIds, ignoreEos, repetitions);
    }
}
