package org.sparkqwen.job.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.ClassifyJob;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.cli.report.ClassifySummary;
import org.sparkqwen.job.cli.report.ModelFit;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.cli.report.RunManifest;
import org.sparkqwen.job.cli.report.SharedPrompts;
import org.sparkqwen.job.columns.RerankerPrompt;
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
        name = "classify",
        sortOptions = false,
        description = {
            "Finds the likeliest of some labels after each prompt.",
            "",
            "Each input row becomes one output row. It has the columns of the input and then label, label_probs,"
                    + " margin, value, score, truncated, prompt_tokens, label_tokens, model and error. A row that"
                    + " cannot be classified has error set, and the other added columns except model are null.",
            "",
            "Nothing is generated. The log-probability of a label is the sum over its tokens, and"
                    + " label_probs is the softmax of these sums. A label is tokenized apart from the prompt, as plain"
                    + " text. The prompt is computed once for all labels.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen classify --input data-samples/corpus.parquet --output /tmp/labels --numeric \\",
            "      --labels 0,1,2,3,4,5 --template '{text} Quality of this text, from 0 to 5:'",
            "  ./spark-qwen classify --model Qwen3-Reranker-0.6B --input pairs.parquet --output /tmp/scores \\",
            "      --as reranker --query-column question --document-column passage"
        })
final class ClassifyCommand implements Callable<Integer>, JobCommand {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Mixin
    private RunOptions run = new RunOptions();

    @Mixin
    private PromptOptions prompts = new PromptOptions();

    @Mixin
    private LabelOptions labels = new LabelOptions();

    @Mixin
    private RerankerOptions reranker = new RerankerOptions();

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "The model reads at most N tokens of a prompt and a label together. A row with a longer"
                    + " prompt has an error. Default: the model's context.")
    private @Nullable Integer context;

    @Mixin
    private ModelOptions model = new ModelOptions();

    @Override
    public StructType addedColumns() {
        return ClassifyJob.SCHEMA;
    }

    @Override
    public Integer call() {
        RunSettings runSettings = run.settings();
        ModelReference reference = model.open(runSettings);
        ClassifyJob.Settings settings = settings(reference, run.columns);
        try (JobRun job = JobRun.start(spec.name(), runSettings)) {
            job.warnings().addAll(reference.warnings());
            job.warnings().addAll(prompts.warnings());
            RunIdentity identity = new OptionValues(spec).identity(reference.identity());
            Work work = new ClassifyJob(reference, settings).withDistribution(model.distribution());
            if (run.dryRun) {
                RunForecast forecast = job.forecast(identity, work, null);
                long longest = Math.min(settings.context(), forecast.sample().longest() + 1);
                run.show(
                        forecast,
                        spec.name(),
                        job.output(),
                        ModelFit.lines(reference, Math.toIntExact(longest), run.submitted()));
                return 0;
            }
            JobRun.Written written = job.run(identity, work);
            report(job, written, reference);
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
        ClassifyJob.Settings settings = settings(reference, columns);
        reference.warnings().forEach(warnings);
        prompts.warnings().forEach(warnings);
        return new ClassifyJob(reference, settings);
    }

    private ClassifyJob.Settings settings(ModelReference reference, List<String> columns) {
        try {
            ClassifyJob.Settings settings = settings(reference).withColumns(columns);
            return context == null ? settings : settings.withContext(checked(context, reference));
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private ClassifyJob.Settings settings(ModelReference reference) {
        RerankerPrompt pairs = reranker.prompt(spec, reference);
        if (pairs != null) {
            return ClassifyJob.Settings.of(reference, pairs);
        }
        if (!reference.hasTokenizer()) {
            throw Refusal.usage("%s has no tokenizer, which labels need".formatted(reference.origin()));
        }
        return ClassifyJob.Settings.of(reference, prompts.source(reference, null), labels.source())
                .withNumeric(labels.numeric());
    }

    private static int checked(int context, ModelReference reference) {
        int positions = reference.config().maxPositions();
        if (context > positions) {
            throw Refusal.usage("--context %,d is more than the model's %,d".formatted(context, positions));
        }
        return context;
    }

    private void report(JobRun job, JobRun.Written written, ModelReference reference) {
        ClassifySummary summary = written.output().read(ClassifySummary::of);
        SharedPrompts shared = SharedPrompts.of(written.counters());
        BadData badData = written.badData();

        Map<String, Object> facts = new LinkedHashMap<>(summary.toMap());
        facts.put("prefix_cache", shared.toMap());
        facts.put("tokens_per_second", summary.tokens() / written.seconds());
        facts.putAll(badData.toMap());
        String manifest = RunManifest.of(spec.name(), new OptionValues(spec).shown(), written, reference, facts);
        String manifestPath = job.writeBeside(OutputLayout.MANIFEST, manifest);

        Report report = new Report(System.out);
        report.title("Classified %,d rows in %.1f s: %,d tokens, %,.0f tokens/s"
                .formatted(summary.rows(), written.seconds(), summary.tokens(), summary.tokens() / written.seconds()));
        report.lines(List.of("model       " + reference.label()));
        report.lines(summary.lines());
        report.lines(shared.lines());
        report.badData(badData);
        report.written(job.output(), run.outputFormat, manifestPath);
    }
}
