package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;

/// The rows of a finished run, read back for its summary.
class WrittenRowsTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void anOutputThatCannotBeReadBackIsNamed() throws IOException {
        Path input = directory.resolve("in");
        Path output = directory.resolve("out");
        LocalSpark.session()
                .range(0, 3, 1, 1)
                .selectExpr("'Call me Ishmael.' AS text")
                .write()
                .parquet(input.toString());
        String[] command = LocalSpark.command("tokenize", input, output);
        CommandRun first = CommandRun.of(command);
        assertThat(first.exitCode()).as(first.err()).isZero();

        List<Path> checksums = RunFiles.list(output, ".part-*.crc");
        assertThat(checksums).isNotEmpty();
        for (Path checksum : checksums) {
            Files.write(checksum, new byte[0]);
        }
        CommandRun.of(command)
                .assertRefused(
                        1,
                        "all rows are done, but %s cannot be read back for the summary: ".formatted(output),
                        "; bring back what it was, or begin anew with --mode overwrite");
    }
}
