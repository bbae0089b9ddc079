package org.sparkqwen.job.executor;

import java.util.Iterator;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Function;
import org.apache.spark.TaskContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.spark.Iterators;

/// Runs a partition through a tokenizer, without an engine. Rows come out in their order.
public final class PartitionTokenizer {
    /// The tokenizers of this JVM, by the sha256 of their files. The files have a few megabytes.
    private static final ConcurrentMap<String, Tokenizer> TOKENIZERS = new ConcurrentHashMap<>();

    private PartitionTokenizer() {}

    /// Returns the token ids of each row's text.
    ///
    /// @param files the tokenizer's files
    /// @param sha256 the sha256 of these files
    /// @param reader reads a row's text
    public static Iterator<Outcome<int[]>> tokenize(
            Broadcast<TokenizerFiles> files,
            String sha256,
            Iterator<JobRow> rows,
            Function<Row, Content> reader,
            TaskCounts counts) {
        Tokenizer tokenizer = TOKENIZERS.computeIfAbsent(sha256, _ -> Tokenizer.of(files.value()));
        RowTally tally = new RowTally(counts, 1);
        TaskContext task = TaskContext.get();
        return Iterators.map(rows, row -> {
            if (task.isInterrupted()) {
                throw new CancellationException("the task was killed"); // not every source of rows ends then
            }
            Outcome<int[]> outcome = outcome(tokenizer, row, reader.apply(row.read()));
            long tokens = outcome instanceof Outcome.Finished<int[]> finished ? finished.result().length : 0;
            tally.count(outcome, tokens, true, false);
            return outcome;
        });
    }

    private static Outcome<int[]> outcome(Tokenizer tokenizer, JobRow row, Content content) {
        return switch (content) {
            case Content.Text text ->
                new Outcome.Finished<>(row, 0, tokenizer.encodeWhole(text.text(), text.special()));
            case Content.Unreadable unreadable -> new Outcome.Rejected<>(row, 0, unreadable.reason());
            case Content.Parts _, Content.Framed _, Content.Chat _, Content.Tokens _ ->
                throw new IllegalStateException("a text column gave something else");
        };
    }
}
