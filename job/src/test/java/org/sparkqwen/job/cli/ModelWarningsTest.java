package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// Warnings about a model's files are printed once by each command, and kept in `_run.json`.
class ModelWarningsTest {
    private static final Path GOLDEN = Path.of("../engine/src/test/resources/golden/models/dense-tied-f32");
    private static final String WARNING = "config.json: unknown keys are ignored: a_new_thing";

    @TempDir
    private Path directory = Path.of("");

    private String model = "";
    private String input = "";

    @BeforeEach
    void makeAModelWithAnUnknownKey() throws IOException {
        Path copy = Files.createDirectories(directory.resolve("model"));
        Files.copy(GOLDEN.resolve("model.safetensors"), copy.resolve("model.safetensors"));
        String config = Files.readString(GOLDEN.resolve("config.json"));
        Files.writeString(copy.resolve("config.json"), config.replaceFirst("\\{", "{\"a_new_thing\": {\"on\": true},"));
        model = copy.toString();
        input = directory.resolve("input").toString();
        LocalSpark.session()
                .range(40)
                .selectExpr("id", "array(int(id), 300, 301) as ids")
                .repartition(4)
                .write()
                .parquet(input);
    }

    @Test
    @Tag("slow")
    void jobsSayThemOnceAndKeepThem() throws IOException {
        for (List<String> command :
                List.of(List.of("score", "--tokens-column"), List.of("generate", "--tokens-column"))) {
            String output = directory.resolve(command.getFirst()).toString();
            CommandRun run = CommandRun.of(
                    command.getFirst(), "--model", model, "--input", input, "--output", output, command.get(1), "ids");
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.err().lines().filter(line -> line.contains("a_new_thing")))
                    .containsExactly("warning: " + WARNING);
            assertThat(new ObjectMapper()
                            .readTree(Path.of(output, "_run.json").toFile())
                            .path("warnings"))
                    .singleElement()
                    .extracting(line -> line.textValue())
                    .isEqualTo(WARNING);
        }
    }

    @Test
    void inspectShowsThem() {
        CommandRun run = CommandRun.of("inspect", "--model", model);
        assertThat(run.exitCode()).as(run.out()).isZero();
        assertThat(run.out()).containsOnlyOnce("  warning      " + WARNING);
    }

    @Test
    void packSaysThem() {
        CommandRun run = CommandRun.of(
                "pack",
                "--model",
                model,
                "--output",
                directory.resolve("packed").toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).containsOnlyOnce("warning: " + WARNING);
    }
}
