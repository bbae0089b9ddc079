package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleGguf;
import org.sparkqwen.job.testing.LocalSpark;

/// The commands take a model in GPTQ, and give what they give for the same model without quantization.
class QuantizedCommandsTest {
    private static final Path GPTQ = Path.of("../engine/src/test/resources/golden/quantized/gptq");

    @TempDir
    private Path directory = Path.of("");

    private Path model = Path.of("");
    private Path plain = Path.of("");

    @BeforeEach
    void makeModels() throws IOException {
        model = withTokenizer("gptq");
        plain = withTokenizer("plain");
        String config = Files.readString(GPTQ.resolve("config.json"));
        Files.writeString(model.resolve("config.json"), config);
        Files.copy(GPTQ.resolve("model.safetensors"), model.resolve("model.safetensors"));
        Files.writeString(
                plain.resolve("config.json"), config.replace("\"quantization_config\"", "\"quantization_of_before\""));
        try (InputStream in = new GZIPInputStream(Files.newInputStream(GPTQ.resolve("expected.safetensors.gz")))) {
            Files.copy(in, plain.resolve("model.safetensors"));
        }
    }

    private Path withTokenizer(String name) throws IOException {
        Path made = Files.createDirectory(directory.resolve(name));
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(LittleGguf.DIRECTORY.resolve(file), made.resolve(file));
        }
        return made;
    }

    @Test
    void scoreGivesTheRowsOfTheModelWithoutQuantization() {
        assertThat(rows(model, "score", LocalSpark.CORPUS, "--token-logprobs"))
                .hasSize(4)
                .isEqualTo(rows(plain, "score", LocalSpark.CORPUS, "--token-logprobs"));
    }

    @Test
    @Tag("slow")
    void aPackedModelGeneratesTheTextsOfTheModelWithoutQuantization() {
        Path packed = directory.resolve("packed");
        CommandRun pack = run("pack", "--model", model.toString(), "--output", packed.toString(), "--verify");
        assertThat(pack.exitCode()).as(pack.err()).isZero();
        assertThat(run("inspect", "--model", packed.toString()).out())
                .containsPattern("\n  weights      BF16 .* KiB, F32 .* KiB, packed, ")
                .doesNotContain("GPTQ");
        String[] options = {"--max-new-tokens", "8", "--temperature", "1", "--seed", "5"};
        assertThat(rows(packed, "generate", LocalSpark.PROMPTS, options))
                .hasSize(4)
                .isEqualTo(rows(plain, "generate", LocalSpark.PROMPTS, options));
    }

    /// A model from elsewhere is copied with its config.json, which says how it is quantized.
    @ParameterizedTest
    @ValueSource(strings = {"", "file:"})
    void inspectNamesTheScheme(String scheme) {
        CommandRun run = run("inspect", "--model", scheme + model);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("  weights      GPTQ, 4 bits, groups of 16 inputs, in 1 file(s), 27.7 KiB on disk\n")
                .containsPattern("packed as BF16 .* KiB, F32 .* KiB; 0 of 8 matrices keep their integers\n")
                .contains("  tensors      all 13 are there\n");
    }

    @Test
    void inspectSaysHowManyMatricesKeepTheirIntegers() {
        Path fitting = Path.of("../engine/src/test/resources/golden/quantized/packed-int4-groups");
        CommandRun run = run("inspect", "--model", fitting.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("packed as BF16 .*, F32 .*, INT4 .* KiB; 12 of 18 matrices keep their integers\n");
    }

    @Test
    void anotherSchemeIsRefusedByName() throws IOException {
        Path config = model.resolve("config.json");
        Files.writeString(
                config, Files.readString(config).replace("\"quant_method\": \"gptq\"", "\"quant_method\": \"hqq\""));
        run(
                        "score",
                        "--model",
                        model.toString(),
                        "--input",
                        LocalSpark.CORPUS,
                        "--output",
                        directory.resolve("o").toString())
                .assertRefused(
                        1, "quantization_config: quant_method hqq is not supported; gptq, awq, compressed-tensors");
    }

    private CommandRun run(String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("--cache-dir", directory.resolve("cache").toString()));
        return CommandRun.of(all.toArray(String[]::new));
    }

    /// Runs a job over four rows, and returns its output without the model's label.
    private List<String> rows(Path from, String command, String input, String... options) {
        String output = directory.resolve("out-" + System.nanoTime()).toString();
        List<String> all = new ArrayList<>(List.of(command, "--model", from.toString(), "--input", input));
        all.addAll(List.of("--limit", "4", "--columns", "id", "--output", output));
        all.addAll(List.of(options));
        CommandRun run = run(all.toArray(String[]::new));
        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        Dataset<Row> rows = LocalSpark.session().read().parquet(output);
        assertThat(rows.filter("error is not null").count()).isZero();
        return LocalSpark.sorted(rows.drop("model"));
    }
}
