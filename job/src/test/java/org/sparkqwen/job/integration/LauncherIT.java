package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.ClassDataArchive;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
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
        assertThat(run.err()).doesNotContain("INFO SparkContext").containsOnlyOnce("; kernels: ");
        assertThat(LocalSpark.session().read().parquet(output).count()).isEqualTo(5);
    }

    @Test
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
        assertThat(run.out()).contains("Tokenized 1 rows");
        assertThat(run.err()).contains("INFO SparkContext");
    }

    @Test
    void handsExitCodesAndMessagesThrough() throws IOException, InterruptedException {
        CommandRun usage = launch("inspect", "--colour", "red");
        assertThat(usage.exitCode()).isEqualTo(2);
        assertThat(usage.err()).contains("spark-qwen inspect: unknown option --colour");
        CommandRun failure = launch("inspect", "--model", "/nowhere");
        assertThat(failure.exitCode()).isEqualTo(1);
        assertThat(failure.err()).contains("/nowhere");
    }

    /// Starts the launcher. The JVMs that it starts find the classes of Spark in an archive.
    private CommandRun launch(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
        command.addAll(List.of(arguments));
        Path out = directory.resolve("out.txt");
        Path err = directory.resolve("err.txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        List<String> jvmOptions =
                arguments[0].equals("score") ? ClassDataArchive.options() : SparkProcess.quickOptions();
        builder.environment().put("JDK_JAVA_OPTIONS", String.join(" ", jvmOptions));
        Process process = builder.start();
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        return new CommandRun(process.exitValue(), Files.readString(out), Files.readString(err));
    }
}
