package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.RunFiles;

/// The archive of a release, unpacked elsewhere, runs the README's first command. There is no Maven, and `JAVA_HOME` is
/// not set. Only a build with the profile `release` makes the archive.
@Tag("slow")
class ArchiveIT {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void runsTheFirstCommandOfTheReadme() throws IOException, InterruptedException {
        Path home = unpack();
        CommandRun run = run(
                home,
                "./spark-qwen",
                "score",
                "--input",
                "data-samples/corpus.parquet",
                "--output",
                directory.resolve("scores").toString(),
                "--summary-by",
                "condition");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Scored 220 rows").contains("By condition");
        assertThat(run.err()).doesNotContain("WARNING");
    }

    @Test
    void saysWhatIsMissingWhereThereIsNoJdk() throws IOException, InterruptedException {
        Path home = unpack();
        CommandRun run = run(home, "bash", "-c", "sed -i 's/== 25/== 99/' .mvn/java-home.sh; ./spark-qwen --help");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).isEqualTo("spark-qwen: no JDK 25 found; install one, or set JAVA_HOME to it\n");
    }

    private Path unpack() throws IOException, InterruptedException {
        List<Path> archives = RunFiles.list(Path.of("target"), "spark-qwen-*-dist.tar.gz");
        assumeTrue(!archives.isEmpty(), "no archive: only the profile release makes one");
        CommandRun unpacked = run(
                directory, "tar", "-xzf", archives.getFirst().toAbsolutePath().toString());
        assertThat(unpacked.exitCode()).as(unpacked.err()).isZero();
        return RunFiles.list(directory, "spark-qwen-*").getFirst();
    }

    private CommandRun run(Path where, String... command) throws IOException, InterruptedException {
        Path out = directory.resolve("out.txt");
        Path err = directory.resolve("err.txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(where.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().remove("JAVA_HOME");
        builder.environment().put("PATH", "/usr/bin:/bin");
        builder.environment().put("SPARK_QWEN_CACHE", directory.resolve("cache").toString());
        builder.environment().put("SPARK_QWEN_START_CACHE", "off");
        Process process = builder.start();
        assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
        return new CommandRun(process.exitValue(), Files.readString(out), Files.readString(err));
    }
}
