package org.sparkqwen.job.cli;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import picocli.CommandLine.Option;

/// The options that say which column of documents a job reads.
final class ContentOptions {
    @Option(
            names = "--text-column",
            paramLabel = "NAME",
            description = "This column holds the documents. It is a string, or binary in UTF-8. A field within a"
                    + " column is written body.text. Default: text.")
    private @Nullable String textColumn;

    @Option(
            names = "--tokens-column",
            paramLabel = "NAME",
            description = "This column holds documents that are tokenized already. It is array<int> or array<bigint>."
                    + " The model then needs no tokenizer.json.")
    private @Nullable String tokensColumn;

    @Option(
            names = "--special-tokens",
            paramLabel = "HOW",
            defaultValue = "text",
            description = "With text, <|endoftext|> and similar strings in a document are ordinary text. With parse,"
                    + " they are special tokens. Default: ${DEFAULT-VALUE}.")
    private SpecialTokens specialTokens = SpecialTokens.TEXT;

    ContentColumn column(ModelReference model) {
        return column(model, textColumn, tokensColumn, specialTokens, "text");
    }

    /// @param textColumn the option for texts; `absent` where neither it nor `tokensColumn` is given
    static ContentColumn column(
            ModelReference model,
            @Nullable String textColumn,
            @Nullable String tokensColumn,
            SpecialTokens special,
            String absent) {
        if (textColumn != null && tokensColumn != null) {
            throw Refusal.usage("a job reads one column: give either a text column or --tokens-column");
        }
        if (tokensColumn != null) {
            return new ContentColumn.Tokens(tokensColumn);
        }
        if (!model.hasTokenizer()) {
            throw Refusal.usage("%s has neither tokenizer.json nor vocab.json and merges.txt; add one, or give"
                            .formatted(model.origin())
                    + " --tokens-column");
        }
        return new ContentColumn.Text(textColumn == null ? absent : textColumn, special);
    }
}
