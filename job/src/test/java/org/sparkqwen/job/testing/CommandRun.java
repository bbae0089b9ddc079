package org.sparkqwen.job.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.sparkqwen.job.cli.Main;

/// A command line that was run in this JVM, and what it printed.
public record CommandRun(int exitCode, String out, String err) {

    public static synchronized CommandRun of(String... args) {
        PrintStream systemOut = System.out;
        PrintStream systemErr = System.err;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        LocalSpark.session(); // with the test's settings
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        try {
            int exitCode = Main.run(args);
            return new CommandRun(exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(systemOut);
            System.setErr(systemErr);
        }
    }

    /// Asserts that the command ended with `exitCode` and one line for a person that has all `parts`. Where picocli
    /// refuses an option, a hint at --help may follow.
    public void assertRefused(int exitCode, String... parts) {
        assertThat(this.exitCode).as(out + err).isEqualTo(exitCode);
        assertThat(err.lines()
                        .filter(line -> line.startsWith("spark-qwen"))
                        .filter(line -> !line.endsWith(" --help lists what there is")))
                .singleElement()
                .asString()
                .contains(parts);
        assertThat(err).doesNotContain("\tat ");
    }
}
