package org.sparkqwen.job.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.run.DocumentPrefix;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.cli.report.GroupSummaries;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.cli.report.RunManifest;
import org.sparkqwen.job.cli.report.ScoreSummary;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.errors.BadData;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.model.TaskModel;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.storage.OutputLayout;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "score",
        sortOptions = false,
        description = {
            "Scores documents: log-likelihood and perplexity of each, and of the whole corpus. With --prompt-column,"
                    + " scores what continues a prompt.",
            "",
            "Every input row becomes one output row: the input's columns, then sum_nll (nats), tokens_scored, tokens,"
                    + " bytes, words, perplexity, bits_per_byte, min_k_prob, is_greedy, token_ids, token_logprobs,"
                    + " model, error. A row that cannot be scored has error set and the other columns null.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  spark-qwen score --input corpus.parquet --output scores",
            "  spark-qwen score --input 'logs/*.json' --input-format json --text-column body --columns id --output"
                    + " scores",
            "  spark-qwen score --input corpus --output scores --context 2048 --stride 1024 --prefix none"
                    + " --token-logprobs",
            "  spark-qwen score --input corpus --output scores --windows rolling --context 2048",
            "  spark-qwen score --input questions.parquet --output scores --prompt-column question --text-column answer"
        })
final class ScoreCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Mixin
    private RunOptions run = new RunOptions();

    @Mixin
    private ContentOptions content = new ContentOptions();

    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "Column of prompts, of the same type: the text or tokens column is scored as what continues"
                    + " this one, all counts are of that alone, and is_greedy says whether each of its tokens is the"
                    + " likeliest one. Split as lm-evaluation-harness does: white space at the prompt's end goes to"
                    + " the continuation, both are tokenized together, and an empty prompt is the end-of-text token."
                    + " Of a prompt too long for the context the end is kept. Default: none; documents are scored.")
    private @Nullable String promptColumn;

    @Option(
            names = "--windows",
            paramLabel = "HOW",
            defaultValue = "strided",
            description =
                    "How documents longer than the context are cut; choose that of the tool whose numbers you compare"
                        + " with. strided, as Hugging Face's fixed-length models: windows of the context every"
                        + " --stride tokens, each scores what those before it did not. rolling, as"
                        + " lm-evaluation-harness: windows that follow each other, every token scored once; with"
                        + " --prefix none the first token is the first window's context. half, as llama-perplexity:"
                        + " chunks of the context, without prefix or each begun with bos, of which only the second"
                        + " half is scored; give --context as its -c, and long documents, since what fills no chunk is"
                        + " not scored. Default: ${DEFAULT-VALUE}.")
    private Policy windows = Policy.STRIDED;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "Tokens of a window, or of prompt and continuation. Default: the model's context.")
    private @Nullable Integer context;

    @Option(
            names = "--stride",
            paramLabel = "N",
            description = "Tokens from a strided window's start to the next one's. Default: half the context, so that"
                    + " each token but those of the first window has at least half a window before it.")
    private @Nullable Integer stride;

    @Option(
            names = "--prefix",
            paramLabel = "WHAT",
            description = "What stands before a document: eos, the end-of-text token, or bos, the beginning token, so"
                    + " that every token is scored; or none, so that the first is not. Default: bos for a model whose"
                    + " tokenizer adds it (add_bos_token); else what the tool does whose --windows it is: eos,"
                    + " of rolling bos before eos, of half none.")
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

    @ChangesNoRow
    @Option(
            names = "--summary-by",
            paramLabel = "NAME",
            description = "Column to show the summary by, such as the source of documents: its "
                    + GroupSummaries.MOST_LINES + " most frequent values, and " + GroupSummaries.MOST
                    + " of them in _run.json.")
    private @Nullable String summaryBy;

    @Mixin
    private ModelOptions model = new ModelOptions();

    /// The names of the policies of [Windows] on the command line.
    private enum Policy {
        STRIDED,
        ROLLING,
        HALF
    }

    @Override
    public Integer call() {
        ModelReference reference = model.open(run);
        ContentColumn documents = content.column(reference);
        ScoreJob.Settings settings =
                new ScoreJob.Settings(prompts(documents), documents, run.columns, scoring(reference), tokenLogprobs);
        try (JobRun job = JobRun.start(spec.name(), run.settings())) {
            job.warnings().addAll(reference.warnings());
            TaskModel tasks = new TaskModel(reference, model.distribution());
            job.beforeWork(tasks::distribute);
            JobRun.Written written = job.run(
                    new OptionValues(spec).identity(reference.identity()),
                    settings::estimatedTokens,
                    (input, counters) -> {
                        Dataset<Row> scores = new ScoreJob(tasks.get(), settings, counters).run(input);
                        refuseUnknown(summaryBy, scores);
                        return scores;
                    });
            report(job, written, reference, settings);
        }
        return 0;
    }

    private ScoringOptions scoring(ModelReference reference) {
        int positions = reference.config().maxPositions();
        int window = context == null ? positions : context;
        if (window > positions) {
            throw Refusal.usage("--context %,d is more than the model's %,d".formatted(window, positions));
        }
        try {
            Windows cut = windows(window);
            return new ScoringOptions(cut, prefix(reference, cut), minK);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private Windows windows(int context) {
        if (windows != Policy.STRIDED && stride != null) {
            throw Refusal.usage(
                    "--stride is for --windows strided; with %s leave it out".formatted(lowerCase(windows)));
        }
        return switch (windows) {
            case STRIDED -> new Windows.Strided(context, stride == null ? Math.max(1, context / 2) : stride);
            case ROLLING -> new Windows.Rolling(context);
            case HALF -> new Windows.Half(context);
        };
    }

    private Prefix prefix(ModelReference reference, Windows cut) {
        DocumentPrefix ofModel = reference.documentPrefix();
        if (prefix == null) {
            return ofModel.byDefault(cut);
        }
        if (windows == Policy.HALF && prefix == Prefix.EOS) {
            throw Refusal.usage(
                    "--windows half takes no prefix eos, as llama-perplexity does; leave it out, or take bos");
        }
        if (prefix != Prefix.NONE && ofModel.token(prefix, cut).isEmpty()) {
            throw Refusal.usage("--prefix %s: the model has no %s; take --prefix none"
                    .formatted(
                            lowerCase(prefix),
                            prefix == Prefix.EOS
                                    ? "end-of-text token"
                                    : "bos_token in tokenizer_config.json or bos_token_id in config.json"));
        }
        return prefix;
    }

    /// Returns the column of prompts. Options of windows are refused with it, because prompt and continuation share
    /// one window.
    private @Nullable ContentColumn prompts(ContentColumn continuations) {
        if (promptColumn == null) {
            return null;
        }
        for (String option : List.of("--windows", "--stride", "--prefix")) {
            if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
                throw Refusal.usage(
                        "%s is for whole documents; with --prompt-column there are no windows".formatted(option));
            }
        }
        return continuations.named(promptColumn);
    }

    private static void refuseUnknown(@Nullable String column, Dataset<Row> scores) {
        List<String> names = List.of(scores.columns());
        if (column != null && !names.contains(column)) {
            throw Refusal.usage("--summary-by: the output has no column '%s'; it has %s"
                    .formatted(column, ContentColumn.quoted(names)));
        }
    }

    /// Returns the effective settings that result from the options and the model.
    private Map<String, Object> policy(ModelReference reference, ScoreJob.Settings settings) {
        ScoringOptions scoring = settings.scoring();
        Map<String, Object> policy = new LinkedHashMap<>();
        if (settings.prompt() == null) {
            policy.put("windows", lowerCase(windows));
            policy.put("prefix", lowerCase(scoring.prefix()));
            reference
                    .documentPrefix()
                    .token(scoring.prefix(), scoring.windows())
                    .ifPresent(id -> policy.put("prefix_token_id", id));
        }
        policy.put("context", scoring.windows().context());
        if (settings.prompt() == null && scoring.windows() instanceof Windows.Strided strided) {
            policy.put("stride", strided.stride());
        }
        return policy;
    }

    private static String lowerCase(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private void report(JobRun job, JobRun.Written written, ModelReference reference, ScoreJob.Settings settings) {
        ScoreSummary summary = ScoreSummary.of(written.output());
        GroupSummaries groups = summaryBy == null ? null : GroupSummaries.of(written.output(), summaryBy);
        BadData badData = written.badData();

        Map<String, Object> facts = new LinkedHashMap<>(summary.toMap());
        facts.put("policy", policy(reference, settings));
        facts.put("tokens_per_second", summary.tokens() / written.seconds());
        facts.putAll(badData.toMap());
        if (groups != null) {
            groups.putInto(facts);
        }
        String manifest = job.writeBeside(
                OutputLayout.MANIFEST,
                RunManifest.of(spec.name(), new OptionValues(spec).shown(), written, reference, facts));

        Report report = new Report(System.out);
        report.title("Scored %,d rows in %.1f s: %,d tokens, %,.0f tokens/s"
                .formatted(summary.rows(), written.seconds(), summary.tokens(), summary.tokens() / written.seconds()));
        report.lines(List.of("model       " + reference.label()));
        report.lines(summary.lines());
        report.badData(badData);
        report.written(run.output, run.outputFormat, manifest);
        if (groups != null) {
            report.title("By " + Quote.of(groups.column()));
            report.lines(groups.table());
        }
    }
}
