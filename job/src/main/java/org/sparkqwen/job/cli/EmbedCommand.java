package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.EmbedJob;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.cli.report.ModelFit;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.cli.report.RunManifest;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.errors.BadData;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.RunForecast;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.storage.OutputLayout;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "embed",
        sortOptions = false,
        description = {
            "Computes an embedding of each document: a vector of length 1, whose product with that of another"
                    + " document says how alike the two are.",
            "",
            "The embedding is the hidden state of the last token after the final norm, as Qwen3-Embedding has it. The"
                    + " output has the columns of the input and then embedding, tokens, truncated, model and error. A"
                    + " row that cannot be embedded has error set, and the other added columns except model are null.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen embed --input data-samples/corpus.parquet --output /tmp/embeddings",
            "  ./spark-qwen embed --model Qwen3-Embedding-0.6B --input queries.parquet --text-column query \\",
            "      --prompt-name query --dims 256 --output /tmp/embeddings",
            "  ./spark-qwen embed --model Qwen3-Embedding-0.6B --input corpus.parquet --output /tmp/embeddings \\",
            "      --instruction 'Identify the topic of the text'"
        })
final class EmbedCommand implements Callable<Integer>, JobCommand {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Mixin
    private RunOptions run = new RunOptions();

    @Mixin
    private ContentOptions content = new ContentOptions();

    @Option(
            names = "--prompt-name",
            paramLabel = "NAME",
            description = "The prompt of this name in the model's config_sentence_transformers.json precedes each"
                    + " document, such as query. Default: the prompt that this file names as the default, else"
                    + " none.")
    private @Nullable String promptName;

    @Option(
            names = "--instruction",
            paramLabel = "TEXT",
            description = "Each document is a query for this task, in the form of Qwen3-Embedding: Instruct: TEXT, and"
                    + " on the next line Query: and the document. Default: none.")
    private @Nullable String instruction;

    @Option(
            names = "--dims",
            paramLabel = "N",
            description = "An embedding has the first N numbers of the hidden state, and length 1. Models that are"
                    + " trained for it, such as Qwen3-Embedding, lose little by that. Default: all.")
    private @Nullable Integer dims;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "The model reads at most N tokens. Of a longer document it reads the beginning, and truncated"
                    + " is true. Default: the model's context.")
    private @Nullable Integer context;

    @Mixin
    private ModelOptions model = new ModelOptions();

    @Override
    public StructType addedColumns() {
        return EmbedJob.SCHEMA;
    }

    @Override
    public Integer call() {
        RunSettings runSettings = run.settings();
        ModelReference reference = model.open(runSettings);
        EmbedJob.Settings settings = settings(reference, run.columns);
        try (JobRun job = JobRun.start(spec.name(), runSettings)) {
            job.warnings().addAll(reference.warnings());
            RunIdentity identity = new OptionValues(spec).identity(reference.identity());
            Work work = new EmbedJob(reference, settings).withDistribution(model.distribution());
            if (run.dryRun) {
                RunForecast forecast = job.forecast(identity, work, null);
                long longest = Math.clamp(forecast.sample().longest(), 1, settings.context());
                run.show(
                        forecast,
                        spec.name(),
                        job.output(),
                        ModelFit.ofEmbedding(reference, Math.toIntExact(longest), run.submitted()));
                return 0;
            }
            JobRun.Written written = job.run(identity, work);
            report(job, written, reference, settings);
        }
        return 0;
    }

    @Override
    public Work work(
            List<String> columns,
            SparkConf conf,
            Function<ModelChoice, ModelReference> models,
            Consumer<String> warnings) {
        ModelReference reference = models.apply(model.choice());
        reference.warnings().forEach(warnings);
        return new EmbedJob(reference, settings(reference, columns));
    }

    private EmbedJob.Settings settings(ModelReference reference, List<String> columns) {
        int positions = reference.config().maxPositions();
        int width = reference.config().hiddenSize();
        int tokens = context == null ? positions : context;
        int numbers = dims == null ? width : dims;
        if (tokens < 1) {
            throw Refusal.usage("--context must be at least 1, not " + tokens);
        }
        if (numbers < 1) {
            throw Refusal.usage("--dims must be at least 1, not " + numbers);
        }
        if (tokens > positions) {
            throw Refusal.usage("--context %,d is more than the model's %,d".formatted(tokens, positions));
        }
        if (numbers > width) {
            throw Refusal.usage("--dims %,d is more than the %,d of the model".formatted(numbers, width));
        }
        ContentColumn documents = content.column(reference);
        return EmbedJob.Settings.of(reference, documents)
                .withPrompt(prompt(reference, documents))
                .withColumns(columns)
                .withContext(tokens)
                .withDims(numbers);
    }

    /// Returns the text before each document.
    private String prompt(ModelReference reference, ContentColumn documents) {
        if (promptName != null && instruction != null) {
            throw Refusal.usage("give either --prompt-name or --instruction");
        }
        if (documents instanceof ContentColumn.Tokens) {
            if (promptName != null || instruction != null) {
                throw Refusal.usage("%s is for texts; with --tokens-column, put its tokens into the column"
                        .formatted(promptName != null ? "--prompt-name" : "--instruction"));
            }
            return "";
        }
        if (instruction != null) {
            // Qwen3-Embedding was trained to read an instruction in this form.
            return "Instruct: %s\nQuery:".formatted(instruction);
        }
        if (promptName == null) {
            return reference.defaultPrompt();
        }
        Map<String, String> prompts = reference.prompts();
        String prompt = prompts.get(promptName);
        if (prompt == null) {
            throw Refusal.usage("--prompt-name %s: the model has %s"
                    .formatted(
                            Quote.of(promptName),
                            prompts.isEmpty()
                                    ? "no prompts in config_sentence_transformers.json; take --instruction"
                                    : "the prompts " + Quote.list(List.copyOf(prompts.keySet()))));
        }
        return prompt;
    }

    private void report(JobRun job, JobRun.Written written, ModelReference reference, EmbedJob.Settings settings) {
        Row total = written.output()
                .read(all -> all.agg(
                                count(lit(1)).as("rows"),
                                count(col("error")).as("errors"),
                                coalesce(sum("tokens"), lit(0L)).as("tokens"),
                                count(expr("if(truncated, 1, null)")).as("truncated"))
                        .first());
        long rows = total.<Long>getAs("rows");
        long tokens = total.<Long>getAs("tokens");
        long truncated = total.<Long>getAs("truncated");
        BadData badData = written.badData();

        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("rows", rows);
        facts.put("errors", total.<Long>getAs("errors"));
        facts.put("tokens", tokens);
        facts.put("truncated", truncated);
        facts.put("dims", settings.dims());
        facts.put("prompt", settings.prompt());
        facts.put("tokens_per_second", tokens / written.seconds());
        facts.putAll(badData.toMap());
        String manifest = job.writeBeside(
                OutputLayout.MANIFEST,
                RunManifest.of(spec.name(), new OptionValues(spec).shown(), written, reference, facts));

        Report report = new Report(System.out);
        report.title("Embedded %,d rows in %.1f s: %,d tokens, %,.0f tokens/s"
                .formatted(rows, written.seconds(), tokens, tokens / written.seconds()));
        report.lines(List.of(
                "model       " + reference.label(),
                "embeddings  %,d numbers each; %,d rows were cut to %,d tokens"
                        .formatted(settings.dims(), truncated, settings.context())));
        report.badData(badData);
        report.written(job.output(), run.outputFormat, manifest);
    }
}
