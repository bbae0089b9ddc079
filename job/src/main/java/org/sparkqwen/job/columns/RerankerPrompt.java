package org.sparkqwen.job.columns;

import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// The prompt in which Qwen3-Reranker judges whether a document answers a query, as in the code of its model card
/// (https://huggingface.co/Qwen/Qwen3-Reranker-0.6B). It is followed by `yes` or `no`.
///
/// The card's code does not use the chat template. If the prompt is too long, the end of the document is cut.
///
/// @param query the column of queries
/// @param document the column of documents
/// @param instruction what a document must do for a query
public record RerankerPrompt(String query, String document, String instruction) implements PromptSource {
    /// The labels that follow the prompt.
    public static final Labels LABELS = new Labels(List.of("no", "yes"));

    /// The label whose probability is the document's score.
    public static final String RELEVANT = "yes";

    /// The instruction in the model card, for searches of the web.
    public static final String WEB_SEARCH =
            "Given a web search query, retrieve relevant passages that answer the query";

    private static final String BEFORE = "<|im_start|>system\nJudge whether the Document meets the requirements based"
            + " on the Query and the Instruct provided. Note that the answer can only be \"yes\" or \"no\"."
            + "<|im_end|>\n<|im_start|>user\n";
    private static final String AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";

    @Override
    public void checkIn(StructType input) {
        text(query).checkIn(input, "--query-column");
        text(document).checkIn(input, "--document-column");
    }

    @Override
    public List<Column> columns(StructType input) {
        return List.of(text(query).select(input), text(document).select(input));
    }

    @Override
    public Column estimatedTokens(StructType input) {
        return text(query).estimatedTokens(input).plus(text(document).estimatedTokens(input));
    }

    @Override
    public Content read(Row row, int first) {
        Content asked = text(query).readValue(row.get(first));
        if (!(asked instanceof Content.Text question)) {
            return named(query, asked);
        }
        Content found = text(document).readValue(row.get(first + 1));
        if (!(found instanceof Content.Text passage)) {
            return named(document, found);
        }
        String text =
                "<Instruct>: %s\n<Query>: %s\n<Document>: %s".formatted(instruction, question.text(), passage.text());
        return new Content.Framed(BEFORE, new Content.Text(text, SpecialTokens.TEXT), AFTER);
    }

    private static Content named(String column, Content content) {
        return content instanceof Content.Unreadable unreadable
                ? new Content.Unreadable("column '%s': %s".formatted(column, unreadable.reason()))
                : content;
    }

    private static ContentColumn.Text text(String column) {
        return new ContentColumn.Text(column, SpecialTokens.TEXT);
    }
}
