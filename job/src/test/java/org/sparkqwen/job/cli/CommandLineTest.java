package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// The command line as a user sees it: what it writes, what it prints, and what it refuses.
class CommandLineTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void scoreWritesRowsAManifestAndASummary() throws IOException {
        CommandRun run =
                scoreWithLittleModel("--input", ShortCorpus.file(), "--output", out(), "--summary-by", "condition");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("Scored 220 rows")
                .contains("little-model-")
                .containsPattern("perplexity  [0-9,.]+ ± [0-9,.]+ a token, [0-9,.e+]+ a word, [0-9.]+ bits a byte")
                .contains("By condition")
                .contains(out() + "/_run.json");

        Dataset<Row> scores = LocalSpark.session().read().parquet(out());
        assertThat(scores.count()).isEqualTo(220); // _run.json is no data to Spark
        assertThat(scores.filter(col("error").isNotNull()).count()).isZero();

        JsonNode manifest =
                new ObjectMapper().readTree(directory.resolve("out/_run.json").toFile());
        assertThat(manifest.at("/job").textValue()).isEqualTo("score");
        assertThat(manifest.at("/model_sha256").textValue()).matches("[0-9a-f]{64}");
        assertThat(manifest.at("/summary/rows").intValue()).isEqualTo(220);
        assertThat(manifest.at("/summary/perplexity_standard_error").doubleValue())
                .isPositive();
        assertThat(manifest.at("/options/batch-tokens").intValue()).isEqualTo(2048);
        assertThat(manifest.at("/versions/spark").textValue()).isEqualTo("4.2.0");
    }

    @Test
    @Tag("slow")
    void theFirstCommandOfTheReadmePrintsWhatTheReadmeShows() throws IOException {
        CommandRun run = score("--input", LocalSpark.CORPUS, "--output", out(), "--summary-by", "condition");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Scored 220 rows").contains("tiny-qwen3@");
        assertThat(run.out().lines()).containsAll(summaryInTheReadme());
        Dataset<Row> scores = LocalSpark.session().read().parquet(out());
        assertDamagedDocumentsScoreWorseThanTheSameDocumentsWhole(scores.select("id", "condition", "perplexity"));
    }

    private static void assertDamagedDocumentsScoreWorseThanTheSameDocumentsWhole(Dataset<Row> scores) {
        Dataset<Row> whole = scores.filter("condition = 'whole'")
                .select(col("id"), col("perplexity").as("whole"));
        for (String damage : List.of("shuffled-words", "ocr-noise")) {
            List<Row> pairs = scores.filter(col("condition").equalTo(damage))
                    .selectExpr("replace(id, '-%s', '') as id".formatted(damage), "perplexity")
                    .join(whole, "id")
                    .collectAsList();
            assertThat(pairs)
                    .hasSize(24)
                    .allSatisfy(pair -> assertThat(pair.<Double>getAs("perplexity"))
                            .as(pair.getString(0))
                            .isGreaterThan(2 * pair.<Double>getAs("whole")));
        }
    }

    @Test
    void readsAndWritesJsonThatOtherToolsRead() throws IOException {
        Path input = directory.resolve("documents.json");
        Files.writeString(input, """
            {"id": 1, "body": "The state of the Union is strong."}
            {"id": 2, "body": null}
            """);
        CommandRun run = scoreWithLittleModel(
                "--input",
                input.toString(),
                "--input-format",
                "json",
                "--output-format",
                "json",
                "--output",
                out(),
                "--text-column",
                "body");
        assertThat(run.exitCode()).as(run.err()).isZero();
        List<JsonNode> rows = new ArrayList<>();
        try (var files = Files.newDirectoryStream(directory.resolve("out"), "part-*.json")) {
            for (Path file : files) {
                for (String line : Files.readAllLines(file)) {
                    rows.add(new ObjectMapper().readTree(line));
                }
            }
        }
        assertThat(rows).hasSize(2).allSatisfy(row -> {
            assertThat(row.has("error")).isTrue();
            assertThat(row.has("sum_nll")).isTrue();
        });
        assertThat(run.out()).contains("1 × the text is null");
    }

    @Test
    void tokenizedRowsScoreAsTheirTextsDo() {
        String tokens = directory.resolve("tokens").toString();
        CommandRun tokenize =
                CommandRun.of(LittleModel.command("tokenize", ShortCorpus.file(), tokens, "--limit", "20"));
        assertThat(tokenize.exitCode()).as(tokenize.err()).isZero();
        assertThat(tokenize.out()).contains("Tokenized 20 rows");
        Dataset<Row> tokenized = LocalSpark.session().read().parquet(tokens).drop("tokens", "error");
        String renamed = directory.resolve("renamed").toString();
        tokenized.withColumnRenamed("token_ids", "ids").write().parquet(renamed);

        scoreWithLittleModel("--input", renamed, "--output", out(), "--tokens-column", "ids", "--columns", "id");
        scoreWithLittleModel("--input", renamed, "--output", out("texts"), "--columns", "id");
        String[] compared = {"id", "sum_nll", "tokens_scored", "perplexity", "min_k_prob"};
        List<String> fromTokens = sorted(out(), compared);
        assertThat(fromTokens).hasSize(20).isEqualTo(sorted(out("texts"), compared));
    }

    @Test
    void generateWritesTextsAndASummary() {
        CommandRun run = CommandRun.of(LocalSpark.command(
                "generate",
                LocalSpark.PROMPTS,
                out(),
                "--max-new-tokens",
                "8",
                "--temperature",
                "0.8",
                "--samples",
                "3",
                "--seed",
                "7",
                "--stop",
                "."));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("Generated 72 texts in [\\d.]+ s: ([\\d,]+) new tokens, [\\d,]+ new tokens/s");
        Dataset<Row> texts = LocalSpark.session().read().parquet(out());
        Row tokens =
                texts.selectExpr("sum(prompt_tokens)", "sum(generated_tokens)").first();
        assertThat(run.out())
                .contains("%,d new tokens".formatted(tokens.getLong(1)))
                .contains("prompts     %,d tokens, of which ".formatted(tokens.getLong(0)))
                .contains("finished");
        assertThat(texts.count()).isEqualTo(72);
        assertThat(texts.filter("instr(generated_text, '.') > 0").count()).isZero();
    }

    /// A limit lets a run work on that many rows and no more.
    @Test
    void anExistingOutputIsRefusedAndReplacedOnlyWhenAsked() {
        CommandRun first = scoreWithLittleModel("--input", ShortCorpus.file(), "--output", out(), "--limit", "2");
        assertThat(first.exitCode()).as(first.err()).isZero();
        assertThat(first.out()).contains("Scored 2 rows");
        CommandRun second = scoreWithLittleModel("--input", ShortCorpus.file(), "--output", out(), "--limit", "7");
        second.assertRefused(2, "--output " + out() + " holds a run of other options", "--mode overwrite");
        assertThat(LocalSpark.session().read().parquet(out()).count()).isEqualTo(2);
        CommandRun third = scoreWithLittleModel(
                "--input", ShortCorpus.file(), "--output", out(), "--limit", "7", "--mode", "overwrite");
        assertThat(third.exitCode()).as(third.err()).isZero();
        assertThat(third.out()).contains("Scored 7 rows");
        assertThat(LocalSpark.session().read().parquet(out()).count()).isEqualTo(7);
    }

    @Test
    void credentialsNeverReachTheManifest() throws IOException {
        scoreWithLittleModel(
                "--input",
                ShortCorpus.file(),
                "--output",
                out(),
                "--limit",
                "1",
                "--conf",
                "spark.hadoop.fs.s3a.secret.key=abracadabra",
                "--conf",
                "spark.executor.extraJavaOptions=-Daws.secretAccessKey=abracadabra",
                "--conf",
                "spark.redaction.regex=hush",
                "--conf",
                "spark.hush=abracadabra",
                "--conf",
                "spark.app.note=kept",
                "--input-option",
                "password=abracadabra");
        for (String file : List.of("_run.json", "_spark_qwen/run.json")) {
            assertThat(directory.resolve("out").resolve(file)).content().doesNotContain("abracadabra");
        }
        assertThat(directory.resolve("out/_run.json"))
                .content()
                .contains("spark.hadoop.fs.s3a.secret.key", "extraJavaOptions", "spark.hush", "kept", "password");
    }

    @Test
    void anInputThatDoesNotExistIsNamed() {
        score("--input", "/nowhere/corpus", "--output", out())
                .assertRefused(2, "--input /nowhere/corpus does not exist");
    }

    @Test
    void anInputOfAnotherFormatIsNamed() throws IOException {
        Path text = Files.writeString(directory.resolve("text.parquet"), "no Parquet at all");
        score("--input", text.toString(), "--output", out()).assertRefused(1, "parquet", "--input-format");
        Path lines = Files.writeString(directory.resolve("text.jsonl"), "{\"text\": \"one\"}\n");
        score("--input", lines.toString(), "--output", out())
                .assertRefused(1, "Is --input-format parquet right, and not json?");
        score("--input", lines.toString(), "--input-format", "jsonl", "--output", out())
                .assertRefused(2, "there is no --input-format jsonl; did you mean json?");
    }

    @Test
    void anEmptyPathIsNotTheDirectoryInWhichTheProcessRuns() {
        score("--input", "", "--output", out()).assertRefused(2, "--input is empty");
        score("--input", LocalSpark.CORPUS, "--output", " ").assertRefused(2, "--output is empty");
        CommandRun.of("inspect", "--model", "").assertRefused(2, "--model is empty");
    }

    @Test
    void aMissingColumnIsNamedBesideThoseThatAreThere() {
        score("--input", LocalSpark.CORPUS, "--output", out(), "--text-column", "body")
                .assertRefused(
                        2,
                        "no column 'body'",
                        "'id', 'source', 'title', 'language', 'condition', 'text'",
                        "--text-column");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--context 4096 | --context 4,096 is more than the model's 1,024",
                "--context 100 --stride 101 | --stride must be from 1 to the context 100, not 101",
                "--context 1 | --context must be at least 2",
                "--min-k 0 | --min-k must be above 0",
                "--summary-by colour | --summary-by: the output has no column 'colour'",
                "--columns id,colour | no column 'colour' to pass through",
                "--output-format csv | parquet, json and orc can",
                "--limit 0 | --limit must be at least 1",
                "--checkpoint-rows 0 | --checkpoint-rows must be at least 1",
                "--checkpoint-bytes 64q | 64q' is not a size above 0",
                "--target-file-size 0 | 0' is not a size above 0",
                "--cache-size 0 | 0' is not a size above 0",
                "--model-distribution mail | --model-distribution",
                "--tokens-column text | column 'text' is string; --tokens-column takes array<int> or array<bigint>",
                "--text-column a --tokens-column b | a job reads one column",
                "--threads -1 | --threads must be from 1 to 1,024, or 0 for all cores, not -1",
                "--threads 99999 | --threads must be from 1 to 1,024",
                "--batch-tokens 0 | --batch-tokens must be at least 1",
                "--max-sequences 0 | --max-sequences must be at least 1",
                "--kernels fast | --kernels",
                "--colour red | --colour",
                "--cache-dir= | --cache-dir is empty; is a variable of the shell not set?",
                "--lora= | --lora is empty",
                "--limit many | option '--limit': 'many' is no whole number",
                "--context 9999999999 | option '--context': '9999999999' is no whole number, or too large"
            })
    void optionsThatCannotWorkAreRefusedInOneLine(String options, String message) {
        List<String> args = new ArrayList<>(List.of("--input", LocalSpark.CORPUS, "--output", out()));
        args.addAll(List.of(options.split(" ")));
        score(args.toArray(String[]::new)).assertRefused(2, message);
        assertThat(directory.resolve("out")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--temperature -1 | --temperature must be a number of at least 0",
                "--top-p 0 | --top-p must be above 0",
                "--top-k -2 | top-k must be at least 0",
                "--no-repeat-ngram-size -1 | no-repeat-ngram-size must be at least 0",
                "--logit-bias 17 | for option '--logit-bias' (ID=BIAS) should be in KEY=VALUE format",
                "--row-params sed | --row-params: 'sed' is none of temperature",
                "--suppress-tokens 5,x | is no list of token ids",
                "--bad-words-ids 9000 | --bad-words-ids: token 9000 is outside the vocabulary of 8,192",
                "--min-p 1.5 | min-p must be from 0 to 1",
                "--max-new-tokens 0 | --max-new-tokens must be at least 1",
                "--samples 0 | samples must be at least 1",
                "--stop-token-id 9000 | --stop-token-id 9000 is outside the vocabulary"
            })
    void samplingThatCannotWorkIsRefusedInOneLine(String options, String message) {
        CommandRun.of(LocalSpark.command("generate", LocalSpark.PROMPTS, out(), options.split(" ")))
                .assertRefused(2, message);
    }

    @Test
    void anInputColumnWithTheNameOfAnOutputColumnIsRefused() {
        String input = directory.resolve("input").toString();
        LocalSpark.corpus()
                .limit(1)
                .withColumnRenamed("title", "tokens")
                .write()
                .parquet(input);
        scoreWithLittleModel("--input", input, "--output", out())
                .assertRefused(2, "column 'tokens' would collide", "--columns");
        assertThat(scoreWithLittleModel("--input", input, "--output", out(), "--columns", "id")
                        .exitCode())
                .isZero();
    }

    @Test
    void aModelThatCannotRunIsRefusedBeforeTheWork() throws IOException {
        CommandRun.of("score", "--model", "/nowhere", "--input", LocalSpark.CORPUS, "--output", out())
                .assertRefused(1, "/nowhere: no such directory");
        Path llama = modelCopy(LocalSpark.MODEL, "llama");
        Files.writeString(
                llama.resolve("config.json"),
                Files.readString(LocalSpark.MODEL.resolve("config.json")).replace("\"qwen3\"", "\"llama\""));
        CommandRun.of("score", "--model", llama.toString(), "--input", LocalSpark.CORPUS, "--output", out())
                .assertRefused(1, "config.json: model_type llama is not supported; qwen3, qwen3_moe and qwen2 are");
        assertThat(directory.resolve("out")).doesNotExist();
    }

    @Test
    void aModelWithoutATokenizerTakesTokensOnly() throws IOException {
        Path model = modelCopy(LittleModel.directory(), "no-tokenizer");
        Files.delete(model.resolve("tokenizer.json"));
        CommandRun.of("score", "--model", model.toString(), "--input", LocalSpark.CORPUS, "--output", out())
                .assertRefused(2, "neither tokenizer.json nor vocab.json", "--tokens-column");
        String input = directory.resolve("ids").toString();
        LocalSpark.session()
                .range(3)
                .selectExpr("id", "array(int(id), 300, 301) as ids")
                .write()
                .parquet(input);
        CommandRun run = CommandRun.of(
                "score", "--model", model.toString(), "--input", input, "--output", out(), "--tokens-column", "ids");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Scored 3 rows");
    }

    @Test
    void inspectSaysWhatAModelIs() {
        CommandRun run = CommandRun.of("inspect", "--model", LocalSpark.MODEL.toString());
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("8 layers, hidden 256")
                .contains("8,525,056")
                .contains("BF16 in 3 file(s)")
                .contains("generation   8.0 KiB of keys and values a token, half with --kv bf16, a quarter with --kv"
                        + " int8: 131,072 tokens at a time in a GiB")
                .contains("tokenizer    8,192 tokens")
                .contains("all 90 are there")
                // no more than its context, although a batch is larger
                .contains("documents in windows of 1,024")
                .doesNotContain("windows of 2,048");
    }

    @Test
    void inspectSaysWhatExpertsAModelHas() {
        Path models = Path.of("../engine/src/test/resources/golden/models");
        CommandRun run = CommandRun.of(
                "inspect", "--model", models.resolve("moe-mixed-bf16").toString());
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("moe-mixed-bf16: Qwen3 mixture of experts")
                .contains("experts      3 of 8 for a token, intermediate 48, in 1 of 4 layers")
                // without five experts of three matrices of 96 by 48
                .contains("parameters   496,480, of which 427,360 take part in a token")
                .contains("arithmetic   0.00 GFLOP a token")
                .contains("all 68 are there");
        CommandRun qwen2 =
                CommandRun.of("inspect", "--model", models.resolve("qwen2-bias").toString());
        assertThat(qwen2.out())
                .contains("qwen2-bias: Qwen2")
                .contains("parameters   ")
                .doesNotContain("experts");
    }

    @Test
    void inspectNamesWhatIsMissing() throws IOException {
        Path model = modelCopy(LocalSpark.MODEL, "deeper");
        Files.writeString(
                model.resolve("config.json"),
                Files.readString(LocalSpark.MODEL.resolve("config.json"))
                        .replace("\"num_hidden_layers\": 8", "\"num_hidden_layers\": 9"));
        CommandRun run = CommandRun.of("inspect", "--model", model.toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out()).contains("11 fault(s)").contains("tensor model.layers.8.mlp.up_proj.weight is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"score", "generate", "classify", "tokenize", "inspect", "pack"})
    void helpTeachesEachCommand(String command) {
        CommandRun run = CommandRun.of(command, "--help");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("Usage: spark-qwen " + command)
                .contains("Example")
                .contains("--model");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "score --inputt x --output y | spark-qwen score: unknown option --inputt; did you mean --input?",
                "score --input x --ouput y | spark-qwen score: unknown option --ouput; did you mean --output?",
                "score --input x --ouput=y | spark-qwen score: unknown option --ouput; did you mean --output?",
                "tokenize -input x --output y | spark-qwen tokenize: unknown option -input; did you mean --input?",
                "score --input x --output y --sumary_by z"
                        + " | spark-qwen score: unknown option --sumary_by; did you mean --summary-by?",
                "generate --input x --output y --max-tokens 1"
                        + " | spark-qwen generate: unknown option --max-tokens; did you mean --max-new-tokens?",
                "generate --input x --choices a b --ouput y"
                        + " | spark-qwen generate: unknown option --ouput; did you mean --output?",
                "scor --input x | spark-qwen: unknown command scor; did you mean score?",
                "genreate | spark-qwen: unknown command genreate; did you mean generate?"
            })
    void aMisspeltNameIsAnsweredWithTheNearestOne(String line, String message) {
        CommandRun run = CommandRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err().lines()).containsExactly(message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "score --input x --output y --colour=red | spark-qwen score: unknown option --colour",
                "score --input x --output y red | spark-qwen score: unexpected argument red",
                "score --input x | spark-qwen score: Missing required option: '--output=DIR', or '--output-table'",
                "paint | spark-qwen: unknown command paint"
            })
    void whatResemblesNothingIsAnsweredWithAHintAtTheHelp(String line, String message) {
        CommandRun run = CommandRun.of(line.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err().lines()).hasSize(2).first().isEqualTo(message);
    }

    @Test
    void withoutACommandTheUsageIsShown() {
        CommandRun run = CommandRun.of();
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
                .contains("score")
                .contains("generate")
                .contains("classify")
                .contains("tokenize")
                .contains("inspect")
                .contains("pack");
        assertThat(CommandRun.of("--version").out()).startsWith("spark-qwen ");
    }

    /// Returns the summary of this run that the README shows, without its time and the place of its output.
    private static List<String> summaryInTheReadme() throws IOException {
        String readme = Files.readString(Path.of("../README.md"));
        int start = readme.indexOf("\n", readme.indexOf("Scored 220 rows in ")) + 1;
        return readme.substring(start, readme.indexOf("```", start))
                .lines()
                .filter(line -> !line.startsWith("  output "))
                .toList();
    }

    private String out() {
        return out("out");
    }

    private String out(String name) {
        return directory.resolve(name).toString();
    }

    private static CommandRun scoreWithLittleModel(String... args) {
        List<String> all = new ArrayList<>(List.of(args));
        all.addAll(List.of("--kernels", "scalar"));
        return score(LittleModel.directory(), all.toArray(String[]::new));
    }

    private static CommandRun score(String... args) {
        return score(LocalSpark.MODEL, args);
    }

    private static CommandRun score(Path model, String... args) {
        List<String> all = new ArrayList<>(List.of("score", "--model", model.toString()));
        all.addAll(List.of(args));
        return CommandRun.of(all.toArray(String[]::new));
    }

    private static List<String> sorted(String output, String... columns) {
        Dataset<Row> rows = LocalSpark.session().read().parquet(output);
        return LocalSpark.sorted(rows.selectExpr(columns));
    }

    /// Returns a directory with copies of a model's files, and links to its weights.
    private Path modelCopy(Path model, String name) throws IOException {
        Path copy = Files.createDirectories(directory.resolve(name));
        try (var files = Files.newDirectoryStream(model)) {
            for (Path file : files) {
                if (file.getFileName().toString().endsWith(".safetensors")) {
                    Files.createSymbolicLink(copy.resolve(file.getFileName()), file);
                } else {
                    Files.copy(file, copy.resolve(file.getFileName()));
                }
            }
        }
        return copy;
    }
}
