package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// `notebooks/run execute` executes every notebook, and each has the outputs that a reader of the repository sees.
@Tag("slow")
class NotebooksIT {
    private static final Path NOTEBOOKS = Path.of("../notebooks");

    /// The tag of a cell whose output depends on the machine, such as a speed.
    private static final String DEPENDS_ON_MACHINE = "depends-on-machine";

    /// Pages of code hosts do not show larger notebooks well.
    private static final long LARGEST = 400_000;

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @MethodSource("notebooks")
    void executesToTheOutputsThatItShows(String notebook) throws IOException, InterruptedException {
        assumeTrue(
                run("bash", "-c", "jupyter nbconvert --version") == 0,
                "The notebooks are not executed: there is no Jupyter with nbconvert on the path.");
        int exitCode = run(
                NOTEBOOKS.resolve("run").toString(),
                "execute",
                "--output",
                directory.toString(),
                withoutEnding(notebook));

        assertThat(exitCode).as(Files.readString(directory.resolve("printed"))).isZero();
        assertThat(outputsOfAnyMachine(directory.resolve(notebook)))
                .isEqualTo(outputsOfAnyMachine(NOTEBOOKS.resolve(notebook)));
    }

    @ParameterizedTest
    @MethodSource("notebooks")
    void hasItsOutputsAndIsSmall(String notebook) throws IOException {
        Path file = NOTEBOOKS.resolve(notebook);

        assertThat(outputs(file))
                .anyMatch(output -> output.contains("<table>"))
                .anyMatch(output -> output.equals("image/png"));
        assertThat(file).satisfies(path -> assertThat(Files.size(path)).isLessThan(LARGEST));
    }

    static List<String> notebooks() throws IOException {
        try (Stream<Path> files = Files.list(NOTEBOOKS)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".ipynb"))
                    .sorted()
                    .toList();
        }
    }

    private static String withoutEnding(String notebook) {
        return notebook.substring(0, notebook.length() - ".ipynb".length());
    }

    /// Reads what the cells show: texts and tables as they are, and of a picture only that there is one, because
    /// its bytes depend on the fonts of the machine.
    private static List<String> outputs(Path notebook) throws IOException {
        return outputs(notebook, _ -> true);
    }

    /// Reads what the cells show that have the same output on every machine.
    private static List<String> outputsOfAnyMachine(Path notebook) throws IOException {
        return outputs(
                notebook,
                cell -> cell.at("/metadata/tags")
                        .valueStream()
                        .noneMatch(tag -> tag.asText().equals(DEPENDS_ON_MACHINE)));
    }

    private static List<String> outputs(Path notebook, Predicate<JsonNode> cells) throws IOException {
        List<String> outputs = new ArrayList<>();
        for (JsonNode cell : new ObjectMapper().readTree(notebook.toFile()).path("cells")) {
            if (!cells.test(cell)) {
                continue;
            }
            for (JsonNode output : cell.path("outputs")) {
                JsonNode data = output.path("data");
                outputs.add(data.has("image/png") ? "image/png" : (data.isMissingNode() ? output : data).toString());
            }
        }
        return outputs;
    }

    private int run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("printed").toFile())
                .start();
        try {
            assertThat(process.waitFor(20, TimeUnit.MINUTES)).isTrue();
            return process.exitValue();
        } finally {
            process.destroyForcibly();
        }
    }
}
