package org.sparkqwen.job;

import static org.apache.spark.sql.functions.xxhash64;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.Entropies;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.ComparedScore;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;

/// Scores documents, or continuations of prompts: takes a Dataset and returns its rows with their log-likelihood.
///
/// ```java
/// ModelReference model = ModelReference.open(Path.of("Qwen3-4B-Base"));
/// ScoreJob job = new ScoreJob(model, ScoreJob.Settings.of(model, new ContentColumn.Text("text", SpecialTokens.TEXT)));
/// Dataset<Row> scores = job.run(spark.read().parquet("corpus"));
/// ```
///
/// There is one output row for each input row. Rejected rows have `error` set.
public final class ScoreJob extends ModelJob<ScoreJob.Settings, Result.Scored> {
    /// The columns that every run adds to the passed ones.
    public static final StructType SCHEMA = schema(ScoreDetails.NONE);

    private final @Nullable ModelReference reference;
    private final @Nullable TaskModel referenceTasks;

    /// The settings of scoring. [#of] has the defaults of the command line.
    ///
    /// @param prompt the column of prompts, of the kind of `content`; null to score documents
    /// @param content the column of documents, or of what continues the prompts
    /// @param columns the columns that pass through; empty for all
    /// @param tokenLogprobs whether `token_ids` and `token_logprobs` are filled
    /// @param details what is computed of the model's distributions, which adds columns; null for nothing, as in
    ///     the settings of runs that began before there were details
    public record Settings(
            @Nullable ContentColumn prompt,
            ContentColumn content,
            List<String> columns,
            ScoringOptions scoring,
            boolean tokenLogprobs,
            @Nullable ScoreDetails details)
            implements Serializable {

        public Settings {
            if (prompt != null && prompt.getClass() != content.getClass()) {
                throw new IllegalArgumentException("prompts and their continuations are both texts or both token ids");
            }
            columns = List.copyOf(columns);
            details = ScoreDetails.NONE.equals(details) ? null : details;
        }

        /// Returns the default settings for documents. Windows have the length of the model's context, and the
        /// stride is half a window. Before a document the model reads the beginning token if its tokenizer adds
        /// one, else an end-of-text token if it has one. All columns pass through.
        public static Settings of(ModelReference model, ContentColumn content) {
            ModelConfig config = model.config();
            int context = config.maxPositions();
            Windows windows = new Windows.Strided(context, Math.max(1, context / 2));
            ScoringOptions.Prefix prefix = model.defaultPrefix(windows);
            return of(content, new ScoringOptions(windows, prefix, ScoringOptions.DEFAULT_MIN_K));
        }

        /// Returns settings for documents that are cut into windows as `scoring` says.
        public static Settings of(ContentColumn content, ScoringOptions scoring) {
            return new Settings(null, content, List.of(), scoring, false, null);
        }

        /// Returns these settings for continuations of prompts.
        ///
        /// @param value the column of prompts, of the kind of the content; null to score documents
        public Settings withPrompt(@Nullable ContentColumn value) {
            return new Settings(value, content, columns, scoring, tokenLogprobs, details);
        }

        /// Returns these settings with other columns that pass through; empty for all.
        public Settings withColumns(List<String> value) {
            return new Settings(prompt, content, value, scoring, tokenLogprobs, details);
        }

        /// Returns these settings with `token_ids` and `token_logprobs` filled or not.
        public Settings withTokenLogprobs(boolean value) {
            return new Settings(prompt, content, columns, scoring, value, details);
        }

        /// Returns these settings with other details of the model's distributions: with entropies, which add
        /// the columns `mean_entropy`, `min_k_plus_plus` and `token_entropies`, or with the most likely tokens
        /// of each position, which add `top_logprobs`.
        public Settings withDetails(ScoreDetails value) {
            return new Settings(prompt, content, columns, scoring, tokenLogprobs, value);
        }

        private ScoreDetails wanted() {
            return details == null ? ScoreDetails.NONE : details;
        }
    }

    /// Makes a job whose tasks find the model where `model` says.
    ///
    /// @throws InvalidModelException if the model is one for embeddings
    public ScoreJob(ModelReference model, Settings settings) {
        this(
                model,
                settings,
                columns(model.label(), settings.tokenLogprobs(), settings.wanted()),
                ModelDistribution.SHARED,
                null);
        model.requireHead();
    }

    ScoreJob(
            ModelReference model,
            Settings settings,
            List<OutputColumn<Result.Scored>> columns,
            ModelDistribution distribution,
            @Nullable ModelReference reference) {
        super("score", model, settings, settings.columns(), columns, distribution);
        this.reference = reference;
        referenceTasks = reference == null ? null : new TaskModel(reference, distribution);
    }

    @Override
    public ScoreJob withDistribution(ModelDistribution value) {
        return new ScoreJob(model, settings, columns, value, reference);
    }

    /// Returns this job with a reference model, which scores the same tokens in the same windows. The output then
    /// has `reference_nll`, `excess_nll`, `token_reference_logprobs`, `token_excess_nll` and `reference_model`,
    /// too. Both models are in each executor, and take turns.
    ///
    /// @throws IllegalArgumentException if the models do not have the same tokens, or the windows do not fit
    public ScoreJob withReference(ModelReference value) {
        model.requireComparable(value, settings.scoring());
        return new ScoreJob(model, settings, columns, distribution, value);
    }

    @Override
    public Map<String, String> identity() {
        Map<String, String> identity = super.identity();
        if (reference != null) {
            identity.put("reference_model", reference.identity());
        }
        return identity;
    }

    @Override
    public StructType addedColumns() {
        return reference == null
                ? super.addedColumns()
                : OutputColumn.schema(ReferenceColumns.of(columns, reference.label(), settings.tokenLogprobs()));
    }

    @Override
    public Column estimatedTokens(StructType input) {
        Column tokens = settings.content().estimatedTokens(input);
        return settings.prompt() == null
                ? tokens
                : tokens.plus(settings.prompt().estimatedTokens(input));
    }

    /// Returns a hash of the prompt, which is computed once for its continuations.
    @Override
    public Optional<Column> together(StructType input) {
        return Optional.ofNullable(settings.prompt()).map(prompt -> xxhash64(prompt.select(input)));
    }

    @Override
    public void prepare(SparkSession spark) {
        super.prepare(spark);
        if (referenceTasks != null) {
            referenceTasks.distribute(spark);
        }
    }

    @Override
    public Dataset<Row> apply(Dataset<Row> input, TaskCounts counts) {
        if (reference == null || referenceTasks == null) {
            return super.apply(input, counts);
        }
        double own = model.weightBytes();
        double share = own / (own + reference.weightBytes());
        Comparing comparing = new Comparing(new Scoring(onHosts(), settings, counts), referenceTasks.get(), share);
        return new JobSkeleton<>(
                        ReferenceColumns.of(columns, reference.label(), settings.tokenLogprobs()), settings.columns())
                .apply(input, read(input.schema()), comparing);
    }

    /// Returns the columns that the job reads.
    @Override
    List<Column> read(StructType input) {
        List<Column> read = new ArrayList<>();
        settings.content().checkDocumentsIn(input);
        read.add(settings.content().select(input));
        if (settings.prompt() != null) {
            settings.prompt().checkIn(input, "--prompt-column");
            read.add(settings.prompt().select(input));
        }
        return read;
    }

    @Override
    Task<Request.Score, Result.Scored> task(ModelReference onHosts, TaskCounts counts) {
        return new Scoring(onHosts, settings, counts);
    }

    /// The function that executors run on each partition.
    private record Scoring(ModelReference model, Settings settings, TaskCounts counts)
            implements Task<Request.Score, Result.Scored> {

        @Override
        public Iterator<Outcome<Result.Scored>> of(Iterator<JobRow> rows) {
            return PartitionEngine.score(model, rows, this::request, counts);
        }

        @Override
        public PartitionEngine.RequestFactory<Request.Score> request(Row row) {
            Content content = RowProblem.or(row, () -> settings.content().read(row, 0));
            Content prompt =
                    settings.prompt() == null ? null : settings.prompt().read(row, 1);
            return (id, sample) -> new Request.Score(id, prompt, content, settings.scoring(), settings.wanted());
        }
    }

    /// The function that executors run on each partition when there is a reference model.
    ///
    /// @param memoryShare the model's part of the memory for weights
    private record Comparing(Scoring scoring, ModelReference reference, double memoryShare)
            implements JobSkeleton.Outcomes<ComparedScore> {

        @Override
        public Iterator<Outcome<ComparedScore>> of(Iterator<JobRow> rows) {
            return PartitionEngine.compare(
                    scoring.model(), reference, memoryShare, rows, scoring::request, scoring.counts());
        }
    }

    /// Returns the columns that a run with these details and a reference model adds to the passed ones.
    public static StructType schemaWithReference(ScoreDetails details) {
        return OutputColumn.schema(ReferenceColumns.of(columns("", false, details), "", false));
    }

    /// Returns the columns that a run with these details adds to the passed ones.
    public static StructType schema(ScoreDetails details) {
        return OutputColumn.schema(columns("", false, details));
    }

    /// Returns the columns that the job adds to the passed ones: those of every run, and behind them those of
    /// details.
    ///
    /// @param model the model's label
    /// @param tokenLogprobs whether the columns of tokens are filled
    static List<OutputColumn<Result.Scored>> columns(String model, boolean tokenLogprobs, ScoreDetails details) {
        List<OutputColumn<Result.Scored>> columns = new ArrayList<>(usualColumns(model, tokenLogprobs));
        if (details.entropy()) {
            columns.add(OutputColumn.ofResult(
                    "mean_entropy",
                    DataTypes.DoubleType,
                    scored -> entropies(scored).mean()));
            columns.add(OutputColumn.ofResult(
                    "min_k_plus_plus",
                    DataTypes.DoubleType,
                    scored -> entropies(scored).minKPlusPlus()));
            columns.add(OutputColumn.ofResult(
                    "token_entropies",
                    DataTypes.createArrayType(DataTypes.FloatType),
                    scored -> tokenLogprobs ? boxed(entropies(scored).ofTokens()) : null));
        }
        if (details.best() > 0) {
            columns.add(OutputColumn.ofResult(
                    "top_logprobs",
                    RankedTokens.TYPE,
                    scored -> RankedTokens.rows(scored.score().best())));
        }
        return List.copyOf(columns);
    }

    private static Entropies entropies(Result.Scored scored) {
        return Objects.requireNonNull(scored.score().entropies());
    }

    private static List<OutputColumn<Result.Scored>> usualColumns(String model, boolean tokenLogprobs) {
        return List.of(
                OutputColumn.ofResult(
                        "sum_nll",
                        DataTypes.DoubleType,
                        scored -> scored.score().sumNll()),
                OutputColumn.ofResult(
                        "tokens_scored",
                        DataTypes.IntegerType,
                        scored -> scored.score().tokensScored()),
                OutputColumn.ofResult("tokens", DataTypes.IntegerType, scored -> scored.tokens().length),
                OutputColumn.ofResult("bytes", DataTypes.IntegerType, Result.Scored::bytes),
                OutputColumn.ofResult("words", DataTypes.IntegerType, Result.Scored::words),
                OutputColumn.ofResult("perplexity", DataTypes.DoubleType, scored -> perplexity(scored.score())),
                OutputColumn.ofResult("bits_per_byte", DataTypes.DoubleType, ScoreJob::bitsPerByte),
                OutputColumn.ofResult(
                        "min_k_prob",
                        DataTypes.DoubleType,
                        scored -> scored.score().minKProb()),
                OutputColumn.ofResult("is_greedy", DataTypes.BooleanType, Result.Scored::greedy),
                OutputColumn.ofResult(
                        "token_ids",
                        DataTypes.createArrayType(DataTypes.IntegerType),
                        scored -> tokenLogprobs ? OutputColumn.boxed(scored.tokens()) : null),
                OutputColumn.ofResult(
                        "token_logprobs",
                        DataTypes.createArrayType(DataTypes.FloatType),
                        scored -> tokenLogprobs ? boxed(scored.score().tokenLogProbabilities()) : null),
                OutputColumn.model(model),
                OutputColumn.error());
    }

    private static @Nullable Double perplexity(DocumentScore score) {
        return score.tokensScored() > 0 ? StrictMath.exp(score.sumNll() / score.tokensScored()) : null;
    }

    /// Returns the bits per byte; null for a document that was scored in part, as with the policy half, because it
    /// has no bytes to divide by.
    private static @Nullable Double bitsPerByte(Result.Scored scored) {
        DocumentScore score = scored.score();
        boolean whole = score.tokensScored() >= scored.tokens().length - 1;
        Integer bytes = scored.bytes();
        return score.tokensScored() > 0 && whole && bytes != null ? score.sumNll() / bytes / StrictMath.log(2) : null;
    }

    /// Converts values of tokens to floats, with null where a token was not scored.
    static @Nullable Float[] boxed(double[] values) {
        @Nullable Float[] boxed = new @Nullable Float[values.length];
        for (int i = 0; i < boxed.length; i++) {
            boxed[i] = Double.isNaN(values[i]) ? null : (float) values[i];
        }
        return boxed;
    }
}
