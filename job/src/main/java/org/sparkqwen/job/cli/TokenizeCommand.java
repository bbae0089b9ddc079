package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.gguf.GgufNames;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.DriverCopy;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.CommandSession;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.storage.HadoopFiles;
import org.sparkqwen.job.storage.ModelLocation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "tokenize",
        sortOptions = false,
        description = {
            "Writes token ids and counts of documents, without running the model. The output has the"
                    + " columns of the input and then token_ids, tokens and error.",
            "",
            "The ids are those of transformers' tokenizer(text). They include the tokens that the"
                    + " tokenizer puts around every text. Qwen's own tokenizer puts none, and Qwen3-Embedding's"
                    + " puts <|endoftext|> after it. score --tokens-column token_ids takes the output as it is.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen tokenize --input data-samples/corpus.parquet --output /tmp/tokens",
            "  ./spark-qwen tokenize --model Qwen3-4B-Base --input corpus.jsonl --input-format json \\",
            "      --text-column body --output /tmp/tokens"
        })
final class TokenizeCommand extends JobCommand {
    @Option(
            names = "--text-column",
            paramLabel = "NAME",
            defaultValue = "text",
            description = "This column holds the documents. It is a string, or binary in UTF-8. A field within a"
                    + " column is written body.text. Default: ${DEFAULT-VALUE}.")
    private String textColumn = "text";

    @Option(
            names = "--special-tokens",
            paramLabel = "HOW",
            defaultValue = "text",
            description = "With text, <|endoftext|> and similar strings in a document are ordinary text. With parse,"
                    + " they are special tokens. Default: ${DEFAULT-VALUE}.")
    private SpecialTokens specialTokens = SpecialTokens.TEXT;

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "The tokenizer is that of this directory, which has tokenizer.json, or vocab.json and"
                    + " merges.txt, or that of this GGUF file. It is a path of this machine, or a URI. Beside those"
                    + " files, only tokenizer_config.json, added_tokens.json and special_tokens_map.json are read."
                    + " Default: the small sample model.")
    private @Nullable String model;

    @Override
    public Integer call() {
        RunSettings runSettings = run.settings(false); // tokens are the same on every device
        Path directory = directory(() -> CommandSession.configuration(runSettings));
        TokenizerFiles files = TokenizerFiles.read(directory);
        Tokenizer tokenizer = Tokenizer.of(files); // refuse a bad tokenizer here, not on every executor
        try (JobRun job = JobRun.start(spec.name(), runSettings)) {
            tokenizer.warnings().forEach(job.warnings()::add);
            RunIdentity identity = new OptionValues(spec).identity("tokenizer " + files.sha256());
            Work work = job(directory, run.columns);
            if (run.dryRun) {
                run.show(job.forecast(identity, work, null), spec.name(), job.output(), List.of());
                return 0;
            }
            JobRun.Written written = job.run(identity, work);
            conclude(job, written, null, summary(written));
        }
        return 0;
    }

    @Override
    StructType addedColumns() {
        return TokenizeJob.SCHEMA;
    }

    @Override
    Work work(
            List<String> columns,
            SparkConf conf,
            Function<ModelChoice, ModelReference> models,
            Consumer<String> warnings) {
        Path directory = directory(() -> conf);
        Tokenizer tokenizer = Tokenizer.of(TokenizerFiles.read(directory)); // refuse a bad one here, not on executors
        tokenizer.warnings().forEach(warnings);
        return job(directory, columns);
    }

    private TokenizeJob job(Path directory, List<String> columns) {
        return new TokenizeJob(
                TokenizeJob.Settings.of(directory.toString(), new ContentColumn.Text(textColumn, specialTokens))
                        .withColumns(columns));
    }

    /// Returns a directory of this machine with the tokenizer's files.
    private Path directory(Supplier<SparkConf> conf) {
        Path directory = switch (ModelLocation.of(model)) {
            case ModelLocation.Local local -> local.path().toAbsolutePath();
            case ModelLocation.Remote remote -> fetched(remote, conf.get());
        };
        if (!TokenizerFiles.existIn(directory)) {
            throw Refusal.usage(
                    "--model %s has neither tokenizer.json nor vocab.json and merges.txt".formatted(Quote.of(model)));
        }
        return directory;
    }

    /// Returns a local directory with the tokenizer's files. A GGUF file that has them in its metadata is copied
    /// into the host's cache, where the other jobs find it too.
    private static Path fetched(ModelLocation.Remote remote, SparkConf conf) {
        HadoopFiles files = remote.files(conf);
        Path directory = files.download("tokenizer", TokenizerFiles::names);
        boolean hasGguf =
                files.list().files().stream().anyMatch(file -> file.name().endsWith(GgufNames.ENDING));
        return TokenizerFiles.existIn(directory) || !hasGguf
                ? directory
                : DriverCopy.of(remote.uri(), conf, CacheDirectory.of(null));
    }

    private static JobSummary summary(JobRun.Written written) {
        Row total = written.output()
                .read(all -> all.agg(
                                count(lit(1)).as("rows"),
                                count(col("error")).as("errors"),
                                coalesce(sum("tokens"), lit(0L)).as("tokens"))
                        .first());
        long rows = total.<Long>getAs("rows");
        long errorRows = total.<Long>getAs("errors");
        long tokens = total.<Long>getAs("tokens");

        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("rows", rows);
        facts.put("errors", errorRows);
        facts.put("tokens", tokens);
        facts.put("tokens_per_second", tokens / written.seconds());
        return new JobSummary(
                JobSummary.title("Tokenized " + JobSummary.count(rows, "row"), tokens, written.seconds()),
                facts,
                List.of("mean        %,.1f tokens a row".formatted(tokens / (double) Math.max(1, rows - errorRows))));
    }
}
