package org.sparkqwen.job;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.PassedColumns;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.progress.Counters;

/// Scores documents, or continuations of prompts: takes a Dataset and returns its rows with their log-likelihood.
///
/// ```java
/// ModelReference model = ModelReference.open(Path.of("Qwen3-4B-Base"));
/// ScoreJob job = new ScoreJob(model, ScoreJob.Settings.of(model, new ContentColumn.Text("text", SpecialTokens.TEXT)));
/// Dataset<Row> scores = job.run(spark.read().parquet("corpus"));
/// ```
public final class ScoreJob {
    /// The columns that a run adds to the passed ones. They are the same in every run.
    public static final StructType SCHEMA = new StructType()
            .add("sum_nll", DataTypes.DoubleType)
            .add("tokens_scored", DataTypes.IntegerType)
            .add("tokens", DataTypes.IntegerType)
            .add("bytes", DataTypes.IntegerType)
            .add("words", DataTypes.IntegerType)
            .add("perplexity", DataTypes.DoubleType)
            .add("bits_per_byte", DataTypes.DoubleType)
            .add("min_k_prob", DataTypes.DoubleType)
            .add("is_greedy", DataTypes.BooleanType)
            .add("token_ids", DataTypes.createArrayType(DataTypes.IntegerType))
            .add("token_logprobs", DataTypes.createArrayType(DataTypes.FloatType))
            .add("model", DataTypes.StringType)
            .add("error", DataTypes.StringType);

    private final ModelReference model;
    private final Settings settings;
    private final @Nullable Counters counters;

    /// The settings of scoring.
    ///
    /// @param prompt the column of prompts, of the kind of `content`; null to score documents
    /// @param content the column of documents, or of what continues the prompts
    /// @param columns the columns that pass through; empty for all
    /// @param tokenLogprobs whether `token_ids` and `token_logprobs` are filled
    public record Settings(
            @Nullable ContentColumn prompt,
            ContentColumn content,
            List<String> columns,
            ScoringOptions scoring,
            boolean tokenLogprobs)
            implements Serializable {

        public Settings {
            if (prompt != null && prompt.getClass() != content.getClass()) {
                throw new IllegalArgumentException("prompts and their continuations are both texts or both token ids");
            }
        }

        /// Estimates the tokens of a row.
        public Column estimatedTokens(StructType input) {
            Column tokens = content.estimatedTokens(input);
            return prompt == null ? tokens : tokens.plus(prompt.estimatedTokens(input));
        }

        /// Returns the default settings for documents. Windows have the length of the model's context, and the
        /// stride is half a window. Before a document the model reads the beginning token if its tokenizer adds
        /// one, else an end-of-text token if it has one.
        public static Settings of(ModelReference model, ContentColumn content) {
            ModelConfig config = model.config();
            int context = config.maxPositions();
            Windows windows = new Windows.Strided(context, Math.max(1, context / 2));
            ScoringOptions.Prefix prefix = model.documentPrefix().byDefault(windows);
            return new Settings(
                    null, content, List.of(), new ScoringOptions(windows, prefix, ScoringOptions.DEFAULT_MIN_K), false);
        }
    }

    public ScoreJob(ModelReference model, Settings settings) {
        this(model, settings, null);
    }

    public ScoreJob(ModelReference model, Settings settings, @Nullable Counters counters) {
        this.model = model;
        this.settings = settings;
        this.counters = counters;
    }

    /// Returns one output row for each input row. Rejected rows have `error` set. Lazy, like any transformation.
    ///
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    public Dataset<Row> run(Dataset<Row> input) {
        List<Column> read = new ArrayList<>();
        settings.content().checkDocumentsIn(input.schema());
        read.add(settings.content().select(input.schema()));
        if (settings.prompt() != null) {
            settings.prompt().checkIn(input.schema(), "--prompt-column");
            read.add(settings.prompt().select(input.schema()));
        }
        PassedColumns passed = PassedColumns.of(RowProblem.without(input.schema()), settings.columns(), SCHEMA);
        Partition partition = new Partition(model, settings, counters);
        return passed.transform(input, RowProblem.behind(read, input.schema()), SCHEMA, partition);
    }

    /// The function that executors run on each partition.
    private record Partition(
            ModelReference model,
            Settings settings,
            @Nullable Counters counters) implements JobRow.Partition {

        @Override
        public Iterator<JobRow.Made> call(Iterator<JobRow> rows) {
            return PartitionEngine.score(model, rows, this::request, (result, sample) -> columns(result), counters);
        }

        private PartitionEngine.RequestFactory<Request.Score> request(Row row) {
            Content content = RowProblem.or(row, () -> settings.content().read(row, 0));
            Content prompt =
                    settings.prompt() == null ? null : settings.prompt().read(row, 1);
            return (id, sample) -> new Request.Score(id, prompt, content, settings.scoring());
        }

        private @Nullable Object[] columns(Result result) {
            return switch (result) {
                case Result.Scored scored -> {
                    count(scored.tokens().length, false);
                    yield scoredColumns(scored);
                }
                case Result.Rejected rejected -> {
                    count(0, true);
                    yield errorColumns(rejected.reason());
                }
                case Result.Generated generated -> throw new IllegalStateException("a score was asked for");
            };
        }

        private void count(long tokens, boolean error) {
            if (counters != null) {
                counters.count(tokens, error);
            }
        }

        private @Nullable Object[] scoredColumns(Result.Scored scored) {
            DocumentScore score = scored.score();
            boolean any = score.tokensScored() > 0;
            // A document that was scored in part, as with the policy half, has no bytes to divide by.
            boolean whole = score.tokensScored() >= scored.tokens().length - 1;
            Integer bytes = scored.bytes();
            return new @Nullable Object[] {
                score.sumNll(),
                score.tokensScored(),
                scored.tokens().length,
                bytes,
                scored.words(),
                any ? StrictMath.exp(score.sumNll() / score.tokensScored()) : null,
                any && whole && bytes != null ? score.sumNll() / bytes / StrictMath.log(2) : null,
                score.minKProb(),
                scored.greedy(),
                settings.tokenLogprobs() ? boxed(scored.tokens()) : null,
                settings.tokenLogprobs() ? boxed(score.tokenLogProbabilities()) : null,
                model.label(),
                null
            };
        }

        private @Nullable Object[] errorColumns(String reason) {
            @Nullable Object[] columns = new @Nullable Object[SCHEMA.size()];
            columns[SCHEMA.fieldIndex("model")] = model.label();
            columns[SCHEMA.fieldIndex("error")] = reason;
            return columns;
        }

        private static Integer[] boxed(int[] ids) {
            Integer[] boxed = new Integer[ids.length];
            for (int i = 0; i < ids.length; i++) {
                boxed[i] = ids[i];
            }
            return boxed;
        }

        /// Converts log-probabilities to floats, with null where a token was not scored.
        private static @Nullable Float[] boxed(double[] logProbabilities) {
            @Nullable Float[] boxed = new @Nullable Float[logProbabilities.length];
            for (int i = 0; i < boxed.length; i++) {
                boxed[i] = Double.isNaN(logProbabilities[i]) ? null : (float) logProbabilities[i];
            }
            return boxed;
        }
    }
}
