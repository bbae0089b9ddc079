package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.cli.report.BucketSummary;
import org.sparkqwen.job.cli.report.EntropySummary;
import org.sparkqwen.job.cli.report.GroupSummaries;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.cli.report.ModelFit;
import org.sparkqwen.job.cli.report.ReferenceSummary;
import org.sparkqwen.job.cli.report.ScoreSummary;
import org.sparkqwen.job.cli.report.SharedPrompts;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.page.Distributions;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.SampledSizes;
import org.sparkqwen.job.storage.OutputLayout;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "score",
        sortOptions = false,
        description = {
            "Computes log-likelihood and perplexity of each document, and of the whole corpus. With"
                    + " --prompt-column, it scores continuations of prompts.",
            "",
            "Each input row becomes one output row. It has the columns of the input and then sum_nll"
                    + " (nats), tokens_scored, tokens, bytes, words, perplexity, bits_per_byte, min_k_prob,"
                    + " is_greedy, token_ids, token_logprobs, model and error. A row that cannot be scored has"
                    + " error set, and the other added columns except model are null. --entropy, --top-logprobs,"
                    + " --reference-model and --buckets add more columns.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen score --input data-samples/corpus.parquet --output /tmp/scores --summary-by condition",
            "  ./spark-qwen score --input 'logs/*.json' --input-format json --text-column body --columns id \\",
            "      --output /tmp/scores",
            "  ./spark-qwen score --input questions.parquet --prompt-column question --text-column answer \\",
            "      --model Qwen3-4B-Base --output /tmp/scores"
        })
final class ScoreCommand extends ModelCommand<ScoreCommand.Plan> {
    @Mixin
    private ContentOptions content = new ContentOptions();

    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "The text column, or the tokens column, is scored as the continuation of this column, which"
                    + " has the same type. All counts are those of the continuation, and is_greedy says whether"
                    + " each of its tokens is the likeliest one. Prompt and continuation are split as"
                    + " lm-evaluation-harness does it: white space at the prompt's end goes to the continuation,"
                    + " both are tokenized together, and an empty prompt is the end-of-text token. If a prompt is"
                    + " too long for the context, its end is kept. Default: none; documents are scored.")
    private @Nullable String promptColumn;

    @Option(
            names = "--windows",
            paramLabel = "HOW",
            defaultValue = "strided",
            description = "This option chooses how documents are cut that are longer than the context. Choose the"
                    + " policy of the tool whose numbers you compare with. strided is as in Hugging Face's page"
                    + " on fixed-length models: a window begins every --stride tokens, and scores the tokens that"
                    + " no window before it scored. rolling is as in lm-evaluation-harness: windows follow each"
                    + " other, and every token is scored once. With --prefix none, the first token is the context"
                    + " of the first window. half is as in llama-perplexity: only the second half of each chunk"
                    + " of the context is scored. Chunks have no prefix, or each begins with bos. Give its -c as"
                    + " --context. Use long documents, because the rest that fills no chunk is not scored."
                    + " Default: ${DEFAULT-VALUE}.")
    private Policy windows = Policy.STRIDED;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "A window has at most N tokens. With --prompt-column, prompt and continuation together have"
                    + " at most N tokens. Default: the model's context.")
    private @Nullable Integer context;

    @Option(
            names = "--stride",
            paramLabel = "N",
            description = "A strided window starts N tokens after the one before it. Default: half of the context, so"
                    + " that every token outside the first window has at least half a window before it.")
    private @Nullable Integer stride;

    @Option(
            names = "--prefix",
            paramLabel = "WHAT",
            description = "This option chooses the token before each document. With eos (the end-of-text token) or"
                    + " bos (the beginning token), every token is scored. With none, the first token is not"
                    + " scored. Default: bos if the model's tokenizer adds it (add_bos_token). Otherwise it is"
                    + " what the tool of --windows does: eos for strided, bos before eos for rolling, and none"
                    + " for half.")
    private @Nullable Prefix prefix;

    @Option(
            names = "--token-logprobs",
            description = "The columns token_ids and token_logprobs are filled with each token's id and"
                    + " log-probability in nats.")
    private boolean tokenLogprobs;

    @Option(
            names = "--min-k",
            paramLabel = "PERCENT",
            defaultValue = "20",
            description = "min_k_prob is the mean log-probability of this percentage of least likely tokens (Min-K%%"
                    + " Prob). Default: ${DEFAULT-VALUE}.")
    private double minK;

    @Option(
            names = "--entropy",
            description = "The output gets three more columns. mean_entropy is the mean entropy of the model's"
                    + " distributions at the scored tokens, in nats. min_k_plus_plus is Min-K%%++ with the percentage"
                    + " of --min-k. token_entropies is filled with --token-logprobs. Default: off.")
    private @Nullable Boolean entropy; // unset if off, so that runs begun before there was this option go on

    @Option(
            names = "--top-logprobs",
            paramLabel = "K",
            description = "The output gets the column top_logprobs, which has the K likeliest tokens at each scored"
                    + " token, with their log-probabilities in nats. The head of the model is computed twice for"
                    + " them. Default: none.")
    private @Nullable Integer topLogprobs;

    @ChangesNoRow
    @Option(
            names = "--reference-model",
            paramLabel = "DIR",
            description = "This model with the same tokenizer scores the same tokens in the same windows, too, and the"
                    + " columns reference_nll, excess_nll, token_reference_logprobs, token_excess_nll and"
                    + " reference_model say what it gives. excess_nll is the mean excess loss a token in nats: text"
                    + " that only the reference model knows has much of it. Each executor has both models in"
                    + " memory. The path or URI is one as for --model. --lora and --weights are for --model alone:"
                    + " take a directory that pack wrote. Default: none.")
    private @Nullable String referenceModel;

    @ChangesNoRow
    @Option(
            names = "--summary-by",
            paramLabel = "NAME",
            description = "The summary has one line for each value of this column, such as the source of the"
                    + " documents. The terminal shows the "
                    + GroupSummaries.MOST_LINES
                    + " most frequent values, and _run.json has "
                    + GroupSummaries.MOST
                    + " of them.")
    private @Nullable String summaryBy;

    @ChangesNoRow
    @Option(
            names = "--report",
            description = "At the end, the run is drawn as a page for a browser, "
                    + OutputLayout.REPORT
                    + " in --output. The charts compare the values of --summary-by. The command report draws the page"
                    + " later.")
    private boolean withReport;

    @Mixin
    private BucketOptions bucketOptions = new BucketOptions();

    /// The names of the policies of [Windows] on the command line.
    private enum Policy {
        STRIDED,
        ROLLING,
        HALF
    }

    /// What the options mean for a model.
    ///
    /// @param other the reference model; null for none
    record Plan(
            ScoreJob.Settings settings,
            @Nullable ModelReference other,
            @Nullable Buckets buckets) {}

    @Override
    StructType addedColumns() {
        return referenceModel == null ? ScoreJob.schema(details()) : ScoreJob.schemaWithReference(details());
    }

    @Override
    Plan plan(ModelReference reference, List<String> columns, Function<ModelChoice, ModelReference> models) {
        ContentColumn documents = content.column(reference);
        ScoreJob.Settings settings = ScoreJob.Settings.of(documents, scoring(reference))
                .withPrompt(prompts(documents))
                .withColumns(columns)
                .withTokenLogprobs(tokenLogprobs)
                .withDetails(details());
        String otherModel = referenceModel;
        ModelReference other = otherModel == null
                ? null
                : Refusal.about("--reference-model", () -> models.apply(model.choiceOf(otherModel)));
        return new Plan(settings, other, bucketOptions.of(settings, other != null));
    }

    @Override
    ScoreJob job(ModelReference reference, Plan plan) {
        ScoreJob.Settings settings = plan.settings();
        Buckets buckets = plan.buckets();
        ScoreJob job = new ScoreJob(
                reference, buckets == null ? settings : settings.withColumns(buckets.passing(settings.columns())));
        return plan.other() == null ? job : withReference(job, plan.other());
    }

    /// Returns a job that scores with another model, too.
    ///
    /// @throws Refusal if the models do not fit each other
    static ScoreJob withReference(ScoreJob job, ModelReference other) {
        try {
            return job.withReference(other);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--reference-model: " + e.getMessage());
        }
    }

    @Override
    List<String> warnings(Plan plan) {
        return plan.other() == null ? List.of() : plan.other().warnings();
    }

    @Override
    RunIdentity identity(RunIdentity options, Plan plan) {
        return plan.other() == null
                ? options
                : options.with("reference model", plan.other().identity());
    }

    @Override
    @Nullable
    Buckets buckets(Plan plan) {
        return plan.buckets();
    }

    @Override
    List<String> memory(ModelReference reference, Plan plan, SampledSizes sizes, SparkConf conf) {
        int context = plan.settings().scoring().windows().context();
        long longest = Math.min(context, sizes.longest() + 1);
        return ModelFit.lines(reference, plan.other(), details(), Math.toIntExact(longest), conf);
    }

    private ScoreDetails details() {
        try {
            return new ScoreDetails(Boolean.TRUE.equals(entropy), topLogprobs == null ? 0 : topLogprobs);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
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
        if (prefix == null) {
            return reference.defaultPrefix(cut);
        }
        if (windows == Policy.HALF && prefix == Prefix.EOS) {
            throw Refusal.usage(
                    "--windows half takes no prefix eos, as llama-perplexity does; leave it out, or take bos");
        }
        if (prefix != Prefix.NONE && reference.prefixToken(prefix, cut).isEmpty()) {
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

    @Override
    void checkOutput(StructType columns) {
        List<String> names = List.of(columns.fieldNames());
        if (summaryBy != null && !names.contains(summaryBy)) {
            throw Refusal.usage("--summary-by: the output has no column '%s'; it has %s"
                    .formatted(summaryBy, ContentColumn.quoted(names)));
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
                    .prefixToken(scoring.prefix(), scoring.windows())
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

    @Override
    JobSummary summary(JobRun.Written written, ModelReference reference, Plan plan) {
        ScoreSummary summary = written.output().read(ScoreSummary::of);
        SharedPrompts shared = SharedPrompts.of(written.counters());
        Map<String, Object> facts = new LinkedHashMap<>(summary.toMap());
        List<String> lines = new ArrayList<>();
        lines.add("model       " + reference.label());
        lines.addAll(summary.lines());
        if (Boolean.TRUE.equals(entropy)) {
            EntropySummary entropies = written.output().read(EntropySummary::of);
            facts.putAll(entropies.toMap());
            lines.addAll(entropies.lines());
        }
        facts.put("policy", policy(reference, plan.settings()));
        if (plan.settings().prompt() != null) {
            facts.put("prefix_cache", shared.toMap());
        }
        lines.addAll(shared.lines());
        facts.put("tokens_per_second", summary.tokens() / written.seconds());
        facts.put(
                "distributions", written.output().read(Distributions::ofScores).toMap());

        List<JobSummary.Table> tables = new ArrayList<>();
        String column = summaryBy;
        if (column != null) {
            GroupSummaries groups = written.output().read(rows -> GroupSummaries.of(rows, column));
            groups.putInto(facts);
            tables.add(new JobSummary.Table("By " + Quote.of(groups.column()), groups.table()));
        }
        if (plan.buckets() != null && written.buckets() != null) {
            BucketSummary bucketed = new BucketSummary(plan.buckets(), written.buckets());
            facts.put("buckets", bucketed.toMap());
            tables.add(new JobSummary.Table(bucketed.title(), bucketed.table()));
        }
        ModelReference other = plan.other();
        if (other != null) {
            ReferenceSummary compared = written.output().read(scores -> ReferenceSummary.of(scores, other.label()));
            facts.put("reference", compared.toMap());
            lines.addAll(compared.lines());
        }
        return new JobSummary(
                JobSummary.title(
                        "Scored " + JobSummary.count(summary.rows(), "row"), summary.tokens(), written.seconds()),
                facts,
                lines,
                withReport ? new JobSummary.Page(column) : null,
                tables);
    }
}
