package org.sparkqwen.job;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.PassedColumns;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.executor.RowCounts;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.spark.Iterators;

/// Tokenizes documents without running the model. The token ids and counts serve for planning, and for scoring later
/// with `--tokens-column`.
public final class TokenizeJob {
    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = new StructType()
            .add("token_ids", DataTypes.createArrayType(DataTypes.IntegerType))
            .add("tokens", DataTypes.IntegerType)
            .add("error", DataTypes.StringType);

    private final Settings settings;
    private final @Nullable Counters counters;

    /// The settings of tokenization.
    ///
    /// @param model a directory on the driver that has a tokenizer, whose files are sent to executors
    /// @param columns the columns that pass through; empty for all
    public record Settings(String model, ContentColumn.Text content, List<String> columns) implements Serializable {}

    public TokenizeJob(Settings settings) {
        this(settings, null);
    }

    public TokenizeJob(Settings settings, @Nullable Counters counters) {
        this.settings = settings;
        this.counters = counters;
    }

    /// Returns one output row for each input row. Rejected rows have `error` set. Lazy, like any transformation.
    ///
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    public Dataset<Row> run(Dataset<Row> input) {
        settings.content().checkDocumentsIn(input.schema());
        PassedColumns passed = PassedColumns.of(RowProblem.without(input.schema()), settings.columns(), SCHEMA);
        TokenizerFiles files = TokenizerFiles.read(Path.of(settings.model()));
        Broadcast<TokenizerFiles> sent = JavaSparkContext.fromSparkContext(
                        input.sparkSession().sparkContext())
                .broadcast(files);
        Partition partition = new Partition(settings, counters, sent, files.sha256());
        List<Column> read = RowProblem.behind(List.of(settings.content().select(input.schema())), input.schema());
        return passed.transform(input, read, SCHEMA, partition);
    }

    /// The function that executors run on each partition.
    ///
    /// @param files the tokenizer's files
    /// @param sha256 the sha256 of these files
    private record Partition(
            Settings settings, @Nullable Counters counters, Broadcast<TokenizerFiles> files, String sha256)
            implements JobRow.Partition {
        /// The tokenizers of this JVM, by the sha256 of their files. The files have a few megabytes.
        private static final ConcurrentMap<String, Tokenizer> TOKENIZERS = new ConcurrentHashMap<>();

        @Override
        public Iterator<JobRow.Made> call(Iterator<JobRow> rows) {
            Tokenizer tokenizer = TOKENIZERS.computeIfAbsent(sha256, _ -> Tokenizer.of(files.value()));
            return Iterators.map(rows, row -> new JobRow.Made(row, columns(tokenizer, row)));
        }

        private @Nullable Object[] columns(Tokenizer tokenizer, JobRow row) {
            @Nullable Object[] values = new @Nullable Object[SCHEMA.size()];
            int tokens = 0;
            String error = null;
            switch (RowProblem.or(row.read(), () -> settings.content().read(row.read(), 0))) {
                case Content.Text text -> {
                    int[] ids = tokenizer.encodeWhole(text.text(), text.special());
                    Integer[] boxed = new Integer[ids.length];
                    for (int i = 0; i < ids.length; i++) {
                        boxed[i] = ids[i];
                    }
                    tokens = ids.length;
                    values[SCHEMA.fieldIndex("token_ids")] = boxed;
                    values[SCHEMA.fieldIndex("tokens")] = tokens;
                }
                case Content.Unreadable unreadable -> error = unreadable.reason();
                case Content.Parts _, Content.Chat _, Content.Tokens _ ->
                    throw new IllegalStateException("a text column gave something else");
            }
            values[SCHEMA.fieldIndex("error")] = error;
            RowCounts.count(true, error != null);
            if (counters != null) {
                counters.count(tokens, error != null);
                if (error != null) {
                    counters.reject(error, row.number());
                }
            }
            return values;
        }
    }
}
