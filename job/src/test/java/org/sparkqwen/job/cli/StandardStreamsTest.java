package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;

/// What a process prints that has no locale, as in a container.
class StandardStreamsTest {
    private static final String LETTERS = "± é 好";

    @TempDir
    private Path directory = Path.of("");

    /// The process that is started.
    static final class Prints {
        private Prints() {}

        public static void main(String... arguments) {
            StandardStreams.useUtf8();
            System.out.println(LETTERS);
            System.err.println(LETTERS);
            if (arguments.length > 0) {
                Main.main(arguments);
            }
        }
    }

    @Test
    void bothStreamsAreUtf8() throws IOException, InterruptedException {
        CommandRun run = run(StandardCharsets.UTF_8, List.of());
        assertThat(run.out()).isEqualTo(LETTERS + "\n");
        assertThat(run.err()).isEqualTo(LETTERS + "\n");
    }

    @Test
    void anEncodingThatTheUserChoseStays() throws IOException, InterruptedException {
        CommandRun run = run(StandardCharsets.ISO_8859_1, List.of("-Dstdout.encoding=ISO-8859-1"));
        assertThat(run.out()).isEqualTo("± é ?\n");
    }

    @Test
    void lettersOfArgumentsAreNotLostSilently() throws IOException, InterruptedException {
        CommandRun run = run(StandardCharsets.UTF_8, List.of(), "inspect", "--model", "/nowhere/好");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err().lines().skip(1))
                .singleElement()
                .asString()
                .startsWith("spark-qwen: the argument '/nowhere/")
                .endsWith("has letters that are not in US-ASCII, the encoding of the locale; set LC_ALL=C.UTF-8 before"
                        + " the command");
    }

    private CommandRun run(Charset encoding, List<String> options, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "-XX:TieredStopAtLevel=1"));
        command.addAll(options);
        command.add(Prints.class.getName());
        command.addAll(List.of(arguments));
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().put("LC_ALL", "C");
        int exitCode = builder.start().waitFor();
        return new CommandRun(exitCode, Files.readString(out, encoding), Files.readString(err));
    }
}
