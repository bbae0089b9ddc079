package org.sparkqwen.job.cli;

import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.columns.RerankerPrompt;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/// The options for a model that judges documents by queries.
final class RerankerOptions {
    @Option(
            names = "--as",
            paramLabel = "KIND",
            description = "With reranker, the model is a Qwen3-Reranker. It gets each row's query and document in the"
                    + " prompt of its model card, and score is the probability of 'yes'. If the prompt is too long, the"
                    + " end of the document is cut, and truncated is true. The options of prompts, chats and labels"
                    + " cannot be combined with it.")
    private @Nullable Kind kind;

    @Option(
            names = "--query-column",
            paramLabel = "NAME",
            description = "This column holds the queries for --as reranker. Default: query.")
    private @Nullable String queryColumn;

    @Option(
            names = "--document-column",
            paramLabel = "NAME",
            description = "This column holds the documents for --as reranker. Default: document.")
    private @Nullable String documentColumn;

    @Option(
            names = "--instruction",
            paramLabel = "TEXT",
            description = "This text tells a reranker what a document must do for a query. Default: '"
                    + RerankerPrompt.WEB_SEARCH + "'.")
    private @Nullable String instruction;

    private enum Kind {
        RERANKER
    }

    /// Returns the prompt of a reranker; null if the model is none.
    ///
    /// @param spec the command, whose other options of prompts and labels are refused with a reranker
    @Nullable
    RerankerPrompt prompt(CommandSpec spec, ModelReference model) {
        if (kind == null) {
            refuse(spec, List.of("--query-column", "--document-column", "--instruction"), "%s is for --as reranker");
            return null;
        }
        List<String> others = Stream.of(LabelOptions.NAMES, OptionGroup.PROMPTS.options(), OptionGroup.CHAT.options())
                .flatMap(List::stream)
                .toList();
        refuse(spec, others, "%s cannot be combined with --as reranker, which has a prompt and labels of its own");
        if (!model.hasTokenizer()) {
            throw Refusal.usage("--as reranker needs a model with a tokenizer");
        }
        for (String token : List.of("<|im_start|>", "<|im_end|>")) {
            if (model.tokenId(token).isEmpty()) {
                throw Refusal.usage("--as reranker: %s has no token %s, so it is no Qwen3-Reranker"
                        .formatted(model.origin(), token));
            }
        }
        return new RerankerPrompt(
                queryColumn == null ? "query" : queryColumn,
                documentColumn == null ? "document" : documentColumn,
                instruction == null ? RerankerPrompt.WEB_SEARCH : instruction);
    }

    private static void refuse(CommandSpec spec, List<String> options, String message) {
        for (String option : options) {
            if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
                throw Refusal.usage(message.formatted(option));
            }
        }
    }
}
