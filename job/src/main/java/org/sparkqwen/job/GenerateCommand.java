package org.sparkqwen.job;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.model.GenerationDefaults;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "generate",
        sortOptions = false,
        description = {
            "Continues prompts.",
            "",
            "Every input row becomes as many output rows as --samples says: the input's columns, then sample,"
                    + " generated_text, finish_reason (stop, length or error), prompt_tokens, generated_tokens,"
                    + " sum_logprob (nats, in the model's own distribution), token_ids, token_logprobs, model, error.",
            "",
            "What is not given comes from the model's generation_config.json. A row's text depends on the seed, the"
                    + " prompt and the sample's number alone.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  spark-qwen generate --input prompts.parquet --output texts --max-new-tokens 64",
            "  spark-qwen generate --input prompts.parquet --output texts --temperature 0.8 --top-p 0.95 --samples 3"
                    + " --seed 7"
        })
final class GenerateCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Mixin
    private RunOptions run = new RunOptions();

    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "Column of prompts: string, or binary in UTF-8. Default: prompt.")
    private @Nullable String promptColumn;

    @Option(
            names = "--tokens-column",
            paramLabel = "NAME",
            description = "Column of prompts that are tokenized already: array<int> or array<bigint>.")
    private @Nullable String tokensColumn;

    @Option(
            names = "--special-tokens",
            paramLabel = "HOW",
            defaultValue = "text",
            description = "What <|im_start|> and its like in a prompt are: text, or parse for tokens."
                    + " Default: ${DEFAULT-VALUE}.")
    private SpecialTokens specialTokens = SpecialTokens.TEXT;

    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            description = "Tokens generated at most. Default: the model's, or 256.")
    private @Nullable Integer maxNewTokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "Divides logits before sampling; 0 takes the likeliest token. Default: the model's.")
    private @Nullable Double temperature;

    @Option(names = "--top-k", paramLabel = "K", description = "Sample from the K likeliest tokens; 0 for all.")
    private @Nullable Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "Sample from the likeliest tokens that reach this probability together; 1 for all.")
    private @Nullable Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description = "Sample from tokens at least this fraction as likely as the likeliest; 0 for all.")
    private @Nullable Double minP;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "1",
            description = "Continuations of each prompt. Default: ${DEFAULT-VALUE}.")
    private int samples;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "Text that ends the output, which ends before it. Repeatable.")
    private List<String> stop = new ArrayList<>();

    @Option(
            names = "--stop-token-id",
            paramLabel = "ID",
            description = "Token that ends the output, beside the model's end-of-text tokens. Repeatable.")
    private List<Integer> stopTokenIds = new ArrayList<>();

    @Mixin
    private ModelOptions model = new ModelOptions();

    @Override
    public Integer call() {
        ModelReference reference = model.open();
        ContentColumn prompts = ContentOptions.column(reference, promptColumn, tokensColumn, specialTokens, "prompt");
        if (!stop.isEmpty() && !reference.hasTokenizer()) {
            throw Refusal.usage("--stop needs a model with a tokenizer.json; take --stop-token-id");
        }
        GenerateJob.Settings settings = settings(reference.config(), prompts);
        try (JobRun job = JobRun.start(spec.name(), run)) {
            JobRun.Written written =
                    job.run((input, counters) -> new GenerateJob(reference, settings, counters).run(input));
            report(job, written, reference);
        }
        return 0;
    }

    private GenerateJob.Settings settings(ModelConfig config, ContentColumn prompts) {
        GenerationDefaults defaults = config.generationDefaults();
        double modelTemperature = defaults.sample() ? Objects.requireNonNullElse(defaults.temperature(), 1.0) : 0;
        for (int id : stopTokenIds) {
            if (id < 0 || id >= config.vocabSize()) {
                throw Refusal.usage(
                        "--stop-token-id %d is outside the vocabulary of %,d".formatted(id, config.vocabSize()));
            }
        }
        try {
            SamplingParams sampling = new SamplingParams(
                    first(maxNewTokens, defaults.maxNewTokens(), 256),
                    first(temperature, modelTemperature, 0.0),
                    first(topK, defaults.topK(), 0),
                    first(topP, defaults.topP(), 1.0),
                    first(minP, defaults.minP(), 0.0),
                    seed,
                    stop,
                    stopTokenIds);
            return new GenerateJob.Settings(prompts, run.columns, samples, sampling);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private static <T> T first(@Nullable T given, @Nullable T modelDefault, T otherwise) {
        return given != null ? given : modelDefault != null ? modelDefault : otherwise;
    }

    private void report(JobRun job, JobRun.Written written, ModelReference reference) {
        Row total = written.output()
                .agg(
                        count(lit(1)),
                        count(col("error")),
                        sum("prompt_tokens"),
                        sum("generated_tokens"),
                        sum("sum_logprob"))
                .first();
        long rows = total.getLong(0);
        long errorRows = total.getLong(1);
        long promptTokens = total.isNullAt(2) ? 0 : total.getLong(2);
        long tokens = total.isNullAt(3) ? 0 : total.getLong(3);
        Map<String, Long> reasons = new LinkedHashMap<>();
        written.output()
                .groupBy("finish_reason")
                .count()
                .sort("finish_reason")
                .collectAsList()
                .forEach(row -> reasons.put(row.getString(0), row.getLong(1)));
        Map<String, Long> errors = written.commonestErrors(errorRows);

        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("rows", rows);
        facts.put("errors", errorRows);
        facts.put("prompt_tokens", promptTokens);
        facts.put("generated_tokens", tokens);
        if (tokens > 0) {
            facts.put("mean_token_logprob", total.getDouble(4) / tokens);
        }
        facts.put("finish_reasons", reasons);
        long looked = written.counters().promptTokens().value();
        long shared = written.counters().sharedTokens().value();
        double hitRate = looked == 0 ? 0 : (double) shared / looked;
        facts.put("prefix_cache", Map.of("prompt_tokens", looked, "shared_tokens", shared, "hit_rate", hitRate));
        facts.put("generated_tokens_per_second", tokens / written.seconds());
        facts.put("commonest_errors", errors);
        String manifest = job.writeBeside(RunManifest.FILE, RunManifest.of(spec, written, reference, facts));

        Report report = new Report(System.out);
        report.title("Generated %,d texts in %.1f s: %,d tokens, %,.0f tokens/s"
                .formatted(rows, written.seconds(), tokens, tokens / written.seconds()));
        report.lines(List.of(
                "model       " + reference.label(),
                "finished    " + reasons,
                "shared      %.1f %% of the prompts' tokens were computed for another prompt already"
                        .formatted(100 * hitRate)));
        report.errors(errorRows, errors);
        report.written(run, manifest);
    }
}
