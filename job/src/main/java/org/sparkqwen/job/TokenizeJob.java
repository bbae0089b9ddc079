package org.sparkqwen.job;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.executor.PartitionTokenizer;

/// Tokenizes documents without running the model. The token ids and counts serve for planning, and for scoring later
/// with `--tokens-column`.
///
/// There is one output row for each input row. Rejected rows have `error` set.
public final class TokenizeJob implements Work {
    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = OutputColumn.schema(columns());

    private final Settings settings;
    private final List<OutputColumn<int[]>> columns;
    private @Nullable TokenizerFiles files;
    private @Nullable SentTokenizer sent;

    /// The settings of tokenization.
    ///
    /// @param model a directory on the driver that has a tokenizer, whose files are sent to executors
    /// @param columns the columns that pass through; empty for all
    public record Settings(String model, ContentColumn.Text content, List<String> columns) implements Serializable {
        public Settings {
            columns = List.copyOf(columns);
        }

        /// Returns settings with which all columns pass through.
        public static Settings of(String model, ContentColumn.Text content) {
            return new Settings(model, content, List.of());
        }

        /// Returns these settings with other columns that pass through; empty for all.
        public Settings withColumns(List<String> value) {
            return new Settings(model, content, value);
        }
    }

    /// The tokenizer's files as executors have them.
    private record SentTokenizer(Broadcast<TokenizerFiles> files, String sha256) implements Serializable {}

    /// Makes a job, whose settings name the tokenizer's directory.
    public TokenizeJob(Settings settings) {
        this(settings, columns());
    }

    TokenizeJob(Settings settings, List<OutputColumn<int[]>> columns) {
        this.settings = settings;
        this.columns = columns;
    }

    @Override
    public String name() {
        return "tokenize";
    }

    /// The directory's name is not part of the identity, but the contents of the tokenizer's files are.
    @Override
    public Map<String, String> identity() {
        return JobIdentity.of(name(), "tokenizer " + files().sha256(), settings);
    }

    @Override
    public StructType addedColumns() {
        return OutputColumn.schema(columns);
    }

    @Override
    public Column estimatedTokens(StructType input) {
        return settings.content().estimatedTokens(input);
    }

    /// Sends the tokenizer's files to the executors, once.
    @Override
    public void prepare(SparkSession spark) {
        if (sent == null) {
            sent = new SentTokenizer(
                    JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(files()), files().sha256());
        }
    }

    /// Returns the tokenizer's files, which a run reads once, so that it sends those of its identity.
    private TokenizerFiles files() {
        TokenizerFiles known = files;
        if (known == null) {
            known = TokenizerFiles.read(Path.of(settings.model()));
            files = known;
        }
        return known;
    }

    @Override
    public Dataset<Row> apply(Dataset<Row> input, TaskCounts counts) {
        settings.content().checkDocumentsIn(input.schema());
        return new JobSkeleton<>(columns, settings.columns())
                .apply(
                        input,
                        List.of(settings.content().select(input.schema())),
                        new Tokenization(settings, sent, counts));
    }

    @Override
    public Dataset<Row> sizes(Dataset<Row> input) {
        settings.content().checkDocumentsIn(input.schema());
        List<OutputColumn<int[]>> sizes = List.of(
                OutputColumn.ofResult("given", DataTypes.LongType, ids -> (long) ids.length),
                OutputColumn.ofResult("most_generated", DataTypes.LongType, _ -> 0L),
                OutputColumn.error());
        return new JobSkeleton<>(sizes, List.of())
                .applyAlone(
                        input,
                        List.of(settings.content().select(input.schema())),
                        new Tokenization(settings, sent, TaskCounts.NONE));
    }

    @Override
    public void release() {
        if (sent != null) {
            sent.files().destroy();
            sent = null;
        }
        files = null;
    }

    /// The function that executors run on each partition.
    ///
    /// @param sent null if the job was not prepared
    private record Tokenization(Settings settings, @Nullable SentTokenizer sent, TaskCounts counts)
            implements JobSkeleton.Outcomes<int[]> {

        @Override
        public Iterator<Outcome<int[]>> of(Iterator<JobRow> rows) {
            if (sent == null) {
                throw new IllegalStateException("the job was not prepared before it was applied");
            }
            return PartitionTokenizer.tokenize(
                    sent.files(),
                    sent.sha256(),
                    rows,
                    row -> RowProblem.or(row, () -> settings.content().read(row, 0)),
                    counts);
        }
    }

    /// Returns the columns that the job adds to the passed ones.
    static List<OutputColumn<int[]>> columns() {
        return List.of(
                OutputColumn.ofResult(
                        "token_ids", DataTypes.createArrayType(DataTypes.IntegerType), OutputColumn::boxed),
                OutputColumn.ofResult("tokens", DataTypes.IntegerType, ids -> ids.length),
                OutputColumn.error());
    }
}
