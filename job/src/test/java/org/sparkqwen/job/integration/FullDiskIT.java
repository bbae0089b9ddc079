package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.SparkProcess;

/// A disk fills up in the middle of a run. The run stops with one line, and once there is room the same command
/// finishes the work. The disk is a file system in memory, in the test's own mount namespace.
class FullDiskIT {
    @TempDir
    private Path directory = Path.of("");

    @BeforeEach
    void namespacesMustBeAllowed() throws IOException {
        Path log = directory.resolve("try.log");
        try (SparkProcess mount = SparkProcess.start(log, inNamespace("mount -t tmpfs none " + disk()))) {
            assumeTrue(mount.awaitEnd() == 0, "no mount namespaces here: " + mount.output());
        } catch (UncheckedIOException e) {
            abort("no mount namespaces here: " + e.getMessage());
        }
    }

    @Test
    @Tag("slow")
    void aRunGoesOnOnceThereIsRoom() throws IOException {
        String tokenize = SparkProcess.submitCommand("local[2]", List.of(), arguments(disk().resolve("out"))).stream()
                .map("'%s'"::formatted)
                .collect(Collectors.joining(" "));
        String script = """
            mount -t tmpfs -o size=200k none %1$s
            %2$s
            echo "first run: $?"
            ls %1$s/out/_spark_qwen/commits | wc -l
            mount -o remount,size=20m %1$s
            %2$s
            echo "second run: $?"
            cp -r %1$s/out %3$s
            """.formatted(disk(), tokenize, directory.resolve("copy"));
        Path log = directory.resolve("runs.log");
        String output;
        try (SparkProcess runs = SparkProcess.start(log, inNamespace(script))) {
            assertThat(runs.awaitEnd()).as(runs.output()).isZero();
            output = runs.output();
        }
        assertThat(output)
                .contains("first run: 1", "No space left on device", "the same command goes on")
                .containsPattern("Going on with \\S+: [1-9]\\d* of 220 rows are done")
                .contains("second run: 0");

        Path undisturbed = directory.resolve("undisturbed");
        assertThat(CommandRun.of(arguments(undisturbed)).exitCode()).isZero();
        List<String> expected = rows(undisturbed);
        assertThat(expected).hasSize(220);
        assertThat(rows(directory.resolve("copy"))).isEqualTo(expected);
    }

    private static List<String> rows(Path output) {
        return LocalSpark.sorted(LocalSpark.session().read().parquet(output.toString()));
    }

    private static String[] arguments(Path output) {
        return LittleModel.command("tokenize", LocalSpark.CORPUS, output, "--checkpoint-rows", "40");
    }

    private Path disk() throws IOException {
        return Files.createDirectories(directory.resolve("disk"));
    }

    private static List<String> inNamespace(String script) {
        return List.of("unshare", "--map-root-user", "--mount", "sh", "-c", script);
    }
}
