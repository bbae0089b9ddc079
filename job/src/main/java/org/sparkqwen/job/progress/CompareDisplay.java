package org.sparkqwen.job.progress;

import java.io.PrintStream;
import java.time.Duration;
import org.sparkqwen.job.failure.Console;

/// The progress that a person watches while two models are compared: a line every few seconds.
public final class CompareDisplay {
    private static final long BETWEEN_LINES = Duration.ofSeconds(5).toNanos();

    private final Console out;
    private final int tokens;
    private final long start = System.nanoTime();
    private long lastLine = start;

    /// @param tokens how many tokens are compared
    public CompareDisplay(PrintStream out, int tokens) {
        this.out = new Console(out);
        this.tokens = tokens;
    }

    /// Says how many tokens were compared so far.
    public void compared(int count) {
        long now = System.nanoTime();
        if (now - lastLine >= BETWEEN_LINES) {
            lastLine = now;
            double seconds = (now - start) / 1e9;
            long left = Math.round(seconds * Math.max(0, tokens - count) / count);
            out.printf("compare: %,d of %,d tokens, %,.0f tokens/s, %d s left%n", count, tokens, count / seconds, left);
        }
    }
}
