package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.job.GenerateJob;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.cli.report.ModelFit;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.page.GenerateFigures;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.SampledSizes;
import org.sparkqwen.job.storage.OutputLayout;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "generate",
        sortOptions = false,
        description = {
            "Generates continuations of prompts.",
            "",
            "Each input row becomes as many output rows as --samples says. They have the columns of the"
                    + " input and then sample, generated_text, reasoning_text, tool_calls, finish_reason (stop,"
                    + " length, repetition or error), prompt_tokens, generated_tokens, sum_logprob (nats, in the"
                    + " model's own distribution), token_ids, token_logprobs, top_logprobs, model and error.",
            "",
            "Options that are not given have the values of the model's generation_config.json. Logits"
                    + " are changed in this order: bias, penalties, forbidden and forced tokens, temperature,"
                    + " top-k, top-p, min-p. The text of a row depends on the seed, the prompt and the sample's"
                    + " number alone.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen generate --input data-samples/prompts.parquet --output /tmp/texts --max-new-tokens 32",
            "  ./spark-qwen generate --input data-samples/prompts.parquet --output /tmp/texts --temperature 0.8 \\",
            "      --top-p 0.95 --samples 3 --seed 7",
            "  ./spark-qwen generate --model Qwen3-4B --input topics.parquet --output /tmp/texts \\",
            "      --template 'Write about {topic}.' --chat --json-schema schema.json"
        })
final class GenerateCommand extends ModelCommand<GenerateJob.Settings> {
    @Mixin
    private PromptOptions prompts = new PromptOptions();

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "Each prompt gets N continuations, and each continuation is a row. Default:" + " ${DEFAULT-VALUE}.")
    private int samples;

    @Mixin
    private SamplingOptions sampling = new SamplingOptions();

    @Option(
            names = "--logprobs",
            paramLabel = "K",
            defaultValue = "0",
            description = "top_logprobs has the K likeliest tokens of each position. Default: ${DEFAULT-VALUE}.")
    private int logprobs;

    @Option(
            names = "--keep-special-tokens",
            description = "Special tokens such as <|im_end|> stay in generated_text, as with transformers'"
                    + " skip_special_tokens=False. By default the text leaves them out. token_ids has all tokens"
                    + " in any case.")
    private boolean keepSpecialTokens;

    @Mixin
    private EndingOptions endings = new EndingOptions();

    @Mixin
    private ConstraintOptions constraints = new ConstraintOptions();

    @ChangesNoRow
    @Option(
            names = "--report",
            description = "At the end, the run is drawn as a page for a browser, "
                    + OutputLayout.REPORT
                    + " in --output. The command report draws it later.")
    private boolean withReport;

    @Override
    StructType addedColumns() {
        return GenerateJob.SCHEMA;
    }

    @Override
    GenerateJob.Settings plan(
            ModelReference reference, List<String> columns, Function<ModelChoice, ModelReference> models) {
        try {
            Constraint constraint = constraints.constraint(reference);
            GenerationParams params = new GenerationParams(
                    sampling.params(reference.config(), reference.choosableTokens()),
                    endings.ending(reference, constraint != null),
                    logprobs,
                    constraint,
                    keepSpecialTokens);
            return GenerateJob.Settings.of(prompts.source(reference, params.constraint()), params)
                    .withColumns(columns)
                    .withSamples(samples)
                    .withRowParams(sampling.rowParams());
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    @Override
    GenerateJob job(ModelReference reference, GenerateJob.Settings settings) {
        return new GenerateJob(reference, settings);
    }

    @Override
    List<String> warnings(GenerateJob.Settings settings) {
        return prompts.warnings();
    }

    @Override
    List<String> memory(ModelReference reference, GenerateJob.Settings settings, SampledSizes sizes, SparkConf conf) {
        return ModelFit.lines(reference, reference.options().batchTokens(), conf);
    }

    @Override
    JobSummary summary(JobRun.Written written, ModelReference reference, GenerateJob.Settings settings) {
        Row total = written.output()
                .read(all -> all.agg(
                                count(lit(1)).as("rows"),
                                count(col("error")).as("errors"),
                                coalesce(sum("prompt_tokens"), lit(0L)).as("prompt_tokens"),
                                coalesce(sum("generated_tokens"), lit(0L)).as("generated_tokens"),
                                sum("sum_logprob").as("sum_logprob"))
                        .first());
        long rows = total.<Long>getAs("rows");
        long errorRows = total.<Long>getAs("errors");
        long promptTokens = total.<Long>getAs("prompt_tokens");
        long tokens = total.<Long>getAs("generated_tokens");
        Map<String, Long> reasons = new LinkedHashMap<>();
        written.output()
                .read(all -> all.groupBy("finish_reason")
                        .count()
                        .sort("finish_reason")
                        .collectAsList())
                .forEach(row -> reasons.put(row.getAs("finish_reason"), row.getAs("count")));

        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("rows", rows);
        facts.put("errors", errorRows);
        facts.put("prompt_tokens", promptTokens);
        facts.put("generated_tokens", tokens);
        if (tokens > 0) {
            facts.put("mean_token_logprob", total.<Double>getAs("sum_logprob") / tokens);
        }
        facts.put("finish_reasons", reasons);
        long looked = written.counters().promptTokens().value();
        long shared = written.counters().sharedTokens().value();
        double hitRate = looked == 0 ? 0 : (double) shared / looked;
        facts.put("prefix_cache", Map.of("prompt_tokens", looked, "shared_tokens", shared, "hit_rate", hitRate));
        facts.put("generated_tokens_per_second", tokens / written.seconds());
        facts.put("distributions", written.output().read(GenerateFigures::of).toMap());
        return new JobSummary(
                JobSummary.title(
                        "Generated " + JobSummary.count(rows, "text"), tokens, "new tokens", written.seconds()),
                facts,
                List.of(
                        "model       " + reference.label(),
                        "prompts     %,d tokens, of which %.1f %% were computed for another prompt already"
                                .formatted(promptTokens, 100 * hitRate),
                        "finished    " + reasons),
                withReport ? new JobSummary.Page(null) : null,
                List.of());
    }
}
