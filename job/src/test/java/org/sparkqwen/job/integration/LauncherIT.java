package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.ClassDataArchive;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.SparkProcess;

/// `./spark-qwen` runs from a shell, as in the README, in a separate process.
class LauncherIT {
    private static final Path LAUNCHER =
            Path.of("../spark-qwen").toAbsolutePath().normalize();

    @TempDir
    private Path directory = Path.of("");

    @Test
    void scoresTheSampleCorpusQuietly() throws IOException, InterruptedException {
        String output = directory.resolve("scores").toString();
        CommandRun run = launch("score", "--input", LocalSpark.CORPUS, "--output", output, "--limit", "5");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Scored 5 rows").contains("tiny-qwen3@");
        assertThat(run.err())
                .doesNotContain("INFO SparkContext")
                .doesNotContain("WARNING")
                .containsOnlyOnce("; kernels: ")
                .doesNotContain("kernels: scalar");
        assertThat(LocalSpark.session().read().parquet(output).count()).isEqualTo(5);
    }

    @Test
    @Tag("slow")
    void passesArgumentsThroughAsTheyAreAndShowsSparksLogsWhenAsked() throws IOException, InterruptedException {
        Path input = Files.writeString(directory.resolve("a file.json"), "{\"a \\\"b\\\"\": \"Some text.\"}\n");
        CommandRun run = launch(
                "tokenize",
                "--verbose",
                "--input",
                input.toString(),
                "--input-format",
                "json",
                "--text-column",
                "a \"b\"",
                "--output-format",
                "json",
                "--output",
                directory.resolve("an output").toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 1 row in");
        assertThat(run.err()).contains("INFO SparkContext");
    }

    @Test
    void handsExitCodesAndMessagesThrough() throws IOException, InterruptedException {
        CommandRun usage = launch("inspect", "--colour", "red");
        assertThat(usage.exitCode()).isEqualTo(2);
        assertThat(usage.err()).contains("spark-qwen inspect: unknown option --colour");
        CommandRun help = launch("inspect", "--help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.out()).contains("--model");
        CommandRun failure = launch("inspect", "--model", "/nowhere/好");
        assertThat(failure.exitCode()).isEqualTo(1);
        assertThat(failure.err()).contains("/nowhere/好");
    }

    /// No kernels were chosen yet when the machine is measured.
    @Test
    @Tag("slow")
    void measuresTheMachineWithTheVectorModule() throws IOException, InterruptedException {
        CommandRun run = launch("bench", "--only", "score", "--kernels", "vector", "--seconds", "0.2");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("tokens/s");
    }

    /// The second command starts with the cache that the first left, and another jar would need another one.
    @Test
    @Tag("slow")
    void leavesACacheForTheNextStart() throws IOException, InterruptedException {
        Path cache = Files.createDirectory(directory.resolve("cache"));
        Path starts = cache.resolve("start");
        Map<String, String> environment = Map.of("SPARK_QWEN_CACHE", cache.toString());
        Files.createDirectory(
                starts, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Files.createFile(starts.resolve("1.aot"));
        assertThat(launch(environment, "inspect", "--help").exitCode()).isZero();
        Path made = null;
        for (int i = 0; i < 300 && made == null; i++) {
            SparkProcess.sleep(1000);
            made = RunFiles.list(starts, "*.aot").stream()
                    .filter(file -> file.toFile().length() > 0)
                    .findFirst()
                    .orElse(null);
        }
        assertThat(made)
                .as("a cache after five minutes in %s", RunFiles.list(starts, "*"))
                .isNotNull();
        assertThat(RunFiles.list(starts, "*.aot")).as("the stale one is gone").hasSize(1);
        Map<String, String> withLog = new HashMap<>(environment);
        withLog.put("JDK_JAVA_OPTIONS", "-Xlog:class+load:file=" + directory.resolve("classes.log"));
        String output = directory.resolve("scores").toString();
        CommandRun run = launch(withLog, "score", "--input", LocalSpark.CORPUS, "--output", output, "--limit", "5");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).doesNotContain("WARNING").doesNotContain("kernels: scalar");
        assertThat(Files.readString(directory.resolve("classes.log")))
                .contains("org.apache.spark.SparkContext source: shared objects file");
    }

    /// Starts the launcher without a cache of its own and without a locale, as in a container. The JVMs that it
    /// starts find Spark's classes in an archive.
    private CommandRun launch(String... arguments) throws IOException, InterruptedException {
        boolean computes = List.of("score", "bench").contains(arguments[0]); // which takes the optimizing compiler
        List<String> jvmOptions = computes ? ClassDataArchive.options() : SparkProcess.quickOptions();
        return launch(
                Map.of(
                        "JDK_JAVA_OPTIONS",
                        String.join(" ", jvmOptions),
                        "SPARK_QWEN_START_CACHE",
                        "off",
                        "LC_ALL",
                        "C"),
                arguments);
    }

    private CommandRun launch(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
        command.addAll(List.of(arguments));
        Path out = directory.resolve("out.txt");
        Path err = directory.resolve("err.txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new AssertionError("the launcher did not end: " + Files.readString(err));
        }
        return new CommandRun(process.exitValue(), Files.readString(out), Files.readString(err));
    }
}
