package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.ClassifyJob;
import org.sparkqwen.job.cli.report.ClassifySummary;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.cli.report.ModelFit;
import org.sparkqwen.job.cli.report.SharedPrompts;
import org.sparkqwen.job.columns.RerankerPrompt;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.SampledSizes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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
final class ClassifyCommand extends ModelCommand<ClassifyJob.Settings> {
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

    @Override
    StructType addedColumns() {
        return ClassifyJob.SCHEMA;
    }

    @Override
    ClassifyJob.Settings plan(
            ModelReference reference, List<String> columns, Function<ModelChoice, ModelReference> models) {
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

    @Override
    ClassifyJob job(ModelReference reference, ClassifyJob.Settings settings) {
        try {
            return new ClassifyJob(reference, settings);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    @Override
    List<String> warnings(ClassifyJob.Settings settings) {
        return prompts.warnings();
    }

    @Override
    List<String> memory(ModelReference reference, ClassifyJob.Settings settings, SampledSizes sizes, SparkConf conf) {
        long longest = Math.min(settings.context(), sizes.longest() + 1);
        return ModelFit.lines(reference, Math.toIntExact(longest), conf);
    }

    private static int checked(int context, ModelReference reference) {
        int positions = reference.config().maxPositions();
        if (context > positions) {
            throw Refusal.usage("--context %,d is more than the model's %,d".formatted(context, positions));
        }
        return context;
    }

    @Override
    JobSummary summary(JobRun.Written written, ModelReference reference, ClassifyJob.Settings settings) {
        ClassifySummary summary = written.output().read(ClassifySummary::of);
        SharedPrompts shared = SharedPrompts.of(written.counters());
        Map<String, Object> facts = new LinkedHashMap<>(summary.toMap());
        facts.put("prefix_cache", shared.toMap());
        facts.put("tokens_per_second", summary.tokens() / written.seconds());
        List<String> lines = new ArrayList<>();
        lines.add("model       " + reference.label());
        lines.addAll(summary.lines());
        lines.addAll(shared.lines());
        return new JobSummary(
                JobSummary.title(
                        "Classified " + JobSummary.count(summary.rows(), "row"), summary.tokens(), written.seconds()),
                facts,
                lines);
    }
}
