package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleEmbeddingModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// The command embed: its options, its output, and how it goes on and is refused.
class EmbedCommandTest {
    @TempDir
    private Path directory;

    @Test
    void aRunWritesItsRowsAndItsManifestAndGoesOn() throws IOException {
        Path output = directory.resolve("out");
        String[] command = LittleEmbeddingModel.command(
                "embed", ShortCorpus.file(), output, "--limit", "20", "--columns", "id", "--dims", "8");
        CommandRun dry =
                run(Stream.concat(Stream.of(command), Stream.of("--dry-run")).toArray(String[]::new));
        assertThat(dry.out()).contains("sample", "weights");
        assertThat(output).doesNotExist();

        CommandRun first = run(command);
        assertThat(first.out()).contains("Embedded 20 rows", "8 numbers each; 0 rows were cut to 1,024 tokens");
        List<String> rows = LocalSpark.sorted(rows(output));
        assertThat(rows).hasSize(20);
        assertThat(rows(output).columns()).containsExactly("id", "embedding", "tokens", "truncated", "model", "error");
        JsonNode manifest =
                new ObjectMapper().readTree(output.resolve("_run.json").toFile());
        assertThat(manifest.at("/job").asText()).isEqualTo("embed");
        assertThat(manifest.at("/summary/dims").asInt()).isEqualTo(8);
        assertThat(manifest.at("/summary/rows").asInt()).isEqualTo(20);

        run(command);
        assertThat(LocalSpark.sorted(rows(output))).isEqualTo(rows);
        command[command.length - 1] = "9";
        CommandRun.of(command).assertRefused(2, "dims");
        CommandRun.of("report", output.toString())
                .assertRefused(2, "is the output of 'embed'; there are reports of score and generate");
    }

    /// The same embeddings come from a prompt's name, and from the text that it stands for.
    @Test
    void promptsHaveNamesAndInstructionsAreFormatted() {
        List<String> named = embedded("prompt-name", "query");
        List<String> plain = embedded("prompt-name", "document");
        assertThat(named)
                .isEqualTo(embedded("instruction", "Find texts"))
                .isNotEqualTo(embedded("instruction", "Find other texts"))
                .isNotEqualTo(plain);
        assertThat(plain).isEqualTo(embedded("dims", "32")); // all of them
    }

    /// Embeds without a run.
    private static List<String> embedded(String option, String value) {
        Dataset<Row> texts = LocalSpark.session().sql("SELECT 'the sea' AS text");
        Work work = JobOptions.parse(
                        "embed",
                        Map.of("model", List.of(LittleEmbeddingModel.directory().toString()), option, List.of(value)))
                .work(List.of("text"), new SparkConf(), choice -> choice.open(new SparkConf()), _ -> {});
        return LocalSpark.sorted(work.run(texts));
    }

    private List<String> embeddings(String... options) {
        Path output = directory.resolve(String.join("-", options).replace(' ', '-') + "-out");
        String[] all =
                Stream.concat(Stream.of("--limit", "3"), Stream.of(options)).toArray(String[]::new);
        run(LittleEmbeddingModel.command("embed", ShortCorpus.file(), output, all));
        return LocalSpark.sorted(rows(output).select("id", "embedding"));
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        --prompt-name other | --prompt-name other: the model has the prompts
        --prompt-name query --instruction x | give either --prompt-name or --instruction
        --tokens-column ids --instruction x | --instruction is for texts; with --tokens-column
        --dims 33 | --dims 33 is more than the 32 of the model
        --dims 0 | --dims must be at least 1, not 0
        --context 0 | --context must be at least 1, not 0
        --context 2000 | --context 2,000 is more than the model's 1,024
        """)
    void optionsThatMakeNoSenseAreRefused(String options, String message) {
        CommandRun.of(LittleEmbeddingModel.command(
                        "embed", ShortCorpus.file(), directory.resolve("out"), options.split(" ")))
                .assertRefused(2, message);
    }

    @Test
    void anOrdinaryModelHasNoPrompts() {
        CommandRun.of(LocalSpark.command(
                        "embed", ShortCorpus.file(), directory.resolve("out"), "--prompt-name", "query"))
                .assertRefused(2, "the model has no prompts in config_sentence_transformers.json");
    }

    @ParameterizedTest
    @CsvSource({"score", "generate"})
    void otherJobsRefuseAModelForEmbeddings(String job) {
        String column = job.equals("score") ? "--text-column" : "--prompt-column";
        CommandRun.of(LittleEmbeddingModel.command(job, ShortCorpus.file(), directory.resolve("out"), column, "text"))
                .assertRefused(1, "is a model for embeddings", "compute embeddings with the command embed");
    }

    @Test
    void otherPoolingsAreRefused() throws IOException {
        Path model = Files.createDirectory(directory.resolve("mean"));
        try (Stream<Path> files = Files.list(LittleEmbeddingModel.directory())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        Files.writeString(
                Files.createDirectory(model.resolve("1_Pooling")).resolve("config.json"),
                "{\"pooling_mode_mean_tokens\": true}");
        CommandRun.of(LocalSpark.command(model, "embed", ShortCorpus.file(), directory.resolve("out")))
                .assertRefused(1, "pooling_mode_mean_tokens true is not supported");
    }

    @Test
    void aCopyOfARemoteModelHasItsPooling() {
        ModelReference copy = ModelReference.fetch(
                LittleEmbeddingModel.directory().toUri().toString(),
                new SparkConf(),
                ExecutorOptions.DEFAULT.withCacheDirectory(
                        directory.resolve("cache").toString()));
        assertThat(copy.path().resolve("1_Pooling/config.json")).isRegularFile();
        assertThat(copy.warnings()).isEmpty();
        assertThat(copy.path()).startsWith(directory);
    }

    @Test
    void inspectAndPackReadSuchAModel() {
        CommandRun inspected =
                run("inspect", "--model", LittleEmbeddingModel.directory().toString());
        assertThat(inspected.out())
                .contains("no head")
                .contains("embeddings   of the last token; prompts document, query")
                .containsPattern("tensors +all \\d+ are there");
        Path packed = directory.resolve("packed");
        run("pack", "--model", LittleEmbeddingModel.directory().toString(), "--output", packed.toString());
        Path output = directory.resolve("of-packed");
        run(LocalSpark.command(
                packed,
                "embed",
                ShortCorpus.file(),
                output,
                "--limit",
                "3",
                "--prompt-name",
                "query",
                "--kernels",
                "scalar"));
        assertThat(LocalSpark.sorted(rows(output).select("id", "embedding")))
                .isEqualTo(embeddings("--prompt-name", "query"));
    }

    private static Dataset<Row> rows(Path output) {
        return LocalSpark.session().read().parquet(output.toString());
    }

    private static CommandRun run(String... command) {
        CommandRun run = CommandRun.of(command);
        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        return run;
    }
}
