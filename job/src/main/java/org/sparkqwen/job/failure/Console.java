package org.sparkqwen.job.failure;

import java.io.PrintStream;
import java.util.Arrays;
import org.sparkqwen.engine.message.Quote;

/// Prints lines for a person. It passes names and texts from outside through [Quote], whoever prints them, so that none
/// can break a line or move the cursor.
public final class Console {
    private final PrintStream out;

    public Console(PrintStream out) {
        this.out = out;
    }

    public void println(String line) {
        out.println(Quote.line(line));
    }

    /// @param format the only place in which lines may end
    public void printf(String format, Object... values) {
        out.printf(
                format,
                Arrays.stream(values)
                        .map(value -> value instanceof Number ? value : Quote.line(String.valueOf(value)))
                        .toArray());
    }
}
