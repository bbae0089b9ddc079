package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.failure.Warnings;

class WarningsTest {
    private final ByteArrayOutputStream console = new ByteArrayOutputStream();
    private final Warnings warnings = new Warnings(new PrintStream(console, true, StandardCharsets.UTF_8));

    @Test
    void thereIsAnEndToThem() {
        for (int i = 0; i < 5_000; i++) {
            warnings.add("of file " + i);
        }
        assertThat(warnings.lines()).hasSize(201).last().isEqualTo("there are more warnings, which are not shown");
        assertThat(console.toString(StandardCharsets.UTF_8)).hasLineCount(201);
    }

    @Test
    void eachLineIsSaidOnceAndKept() {
        warnings.addAll(List.of("first", "second"));
        warnings.add("first");

        assertThat(console.toString(StandardCharsets.UTF_8)).isEqualToIgnoringNewLines("""
            warning: first
            warning: second
            """);
        assertThat(warnings.lines()).containsExactly("first", "second");
    }

    @Test
    void aLineIsOneLineWhateverItQuotes() {
        warnings.add("key 'a\nb\u001b[2J' is unknown");

        assertThat(warnings.lines()).containsExactly("key 'a\\nb\\u001b[2J' is unknown");
        assertThat(console.toString(StandardCharsets.UTF_8).lines()).hasSize(1);
    }
}
