package org.sparkqwen.job;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "score",
        sortOptions = false,
        description = {
            "Scores documents: log-likelihood and perplexity of each, and of the whole corpus.",
            "",
            "Every input row becomes one output row: the input's columns, then sum_nll (nats), tokens_scored, tokens,"
                    + " bytes, words, perplexity, bits_per_byte, min_k_prob, token_ids, token_logprobs, model, error."
                    + " A row that cannot be scored has error set and the other columns null.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  spark-qwen score --input corpus.parquet --output scores",
            "  spark-qwen score --input 'logs/*.json' --input-format json --text-column body --columns id --output"
                    + " scores",
            "  spark-qwen score --input corpus --output scores --context 2048 --stride 1024 --prefix none"
                    + " --token-logprobs"
        })
final class ScoreCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Mixin
    private RunOptions run = new RunOptions();

    @Mixin
    private ContentOptions content = new ContentOptions();

    @Option(names = "--context", paramLabel = "N", description = "Tokens of a window. Default: the model's context.")
    private @Nullable Integer context;

    @Option(
            names = "--stride",
            paramLabel = "N",
            description =
                    "Tokens from a window's start to the next one's. Default: half the context, so that each token"
                            + " but those of the first window has at least half a window before it.")
    private @Nullable Integer stride;

    @Option(
            names = "--prefix",
            paramLabel = "WHAT",
            description = "What stands before a document: eos, the end-of-text token, so that every token is scored; or"
                    + " none, so that the first is not. Default: eos, or none for a model without one.")
    private @Nullable Prefix prefix;

    @Option(
            names = "--token-logprobs",
            description = "Fill token_ids and token_logprobs, each token's log-probability in nats.")
    private boolean tokenLogprobs;

    @Option(
            names = "--min-k",
            paramLabel = "PERCENT",
            defaultValue = "20",
            description = "min_k_prob is the mean log-probability of this percentage of least likely tokens"
                    + " (Min-K%% Prob). Default: ${DEFAULT-VALUE}.")
    private double minK;

    @Option(
            names = "--summary-by",
            paramLabel = "NAME",
            description = "Column to show the summary by, such as the source of documents.")
    private @Nullable String summaryBy;

    @Mixin
    private ModelOptions model = new ModelOptions();

    @Override
    public Integer call() {
        ModelReference reference = model.open();
        ScoreJob.Settings settings = new ScoreJob.Settings(
                content.column(reference), run.columns, scoring(reference.config()), tokenLogprobs);
        try (JobRun job = JobRun.start(spec.name(), run)) {
            JobRun.Written written = job.run((input, counters) -> {
                Dataset<Row> scores = new ScoreJob(reference, settings, counters).run(input);
                refuseUnknown(summaryBy, scores);
                return scores;
            });
            report(job, written, reference);
        }
        return 0;
    }

    private ScoringOptions scoring(ModelConfig config) {
        int positions = config.maxPositions();
        int window = context == null ? positions : context;
        if (window > positions) {
            throw Refusal.usage("--context %,d is more than the model's %,d".formatted(window, positions));
        }
        Prefix before = prefix;
        if (before == null) {
            before = config.eosTokenIds().isEmpty() ? Prefix.NONE : Prefix.EOS;
        } else if (before == Prefix.EOS && config.eosTokenIds().isEmpty()) {
            throw Refusal.usage("--prefix eos: the model has no end-of-text token; take --prefix none");
        }
        try {
            return new ScoringOptions(window, stride == null ? Math.max(1, window / 2) : stride, before, minK);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private static void refuseUnknown(@Nullable String column, Dataset<Row> scores) {
        List<String> names = List.of(scores.columns());
        if (column != null && !names.contains(column)) {
            throw Refusal.usage("--summary-by: the output has no column '%s'; it has %s"
                    .formatted(column, ContentColumn.quoted(names)));
        }
    }

    private void report(JobRun job, JobRun.Written written, ModelReference reference) {
        ScoreSummary summary = ScoreSummary.of(written.output());
        List<ScoreSummary> groups = summaryBy == null ? List.of() : ScoreSummary.by(written.output(), summaryBy);
        Map<String, Long> errors = written.commonestErrors(summary.errors());

        Map<String, Object> facts = new LinkedHashMap<>(summary.toMap());
        facts.put("tokens_per_second", summary.tokens() / written.seconds());
        facts.put("commonest_errors", errors);
        if (summaryBy != null) {
            Map<String, Object> byGroup = new LinkedHashMap<>();
            groups.forEach(group -> byGroup.put(String.valueOf(group.group()), group.toMap()));
            facts.put("by_" + summaryBy, byGroup);
        }
        String manifest = job.writeBeside(RunManifest.FILE, RunManifest.of(spec, written, reference, facts));

        Report report = new Report(System.out);
        report.title("Scored %,d rows in %.1f s: %,d tokens, %,.0f tokens/s"
                .formatted(summary.rows(), written.seconds(), summary.tokens(), summary.tokens() / written.seconds()));
        report.lines(List.of("model       " + reference.label()));
        report.lines(summary.lines());
        report.errors(summary.errors(), errors);
        report.written(run, manifest);
        if (summaryBy != null) {
            report.title("By " + summaryBy);
            report.lines(ScoreSummary.table(summaryBy, groups));
        }
    }
}
