package org.sparkqwen.job.cli.report;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import org.sparkqwen.engine.bench.Benchmark;
import org.sparkqwen.job.progress.Progress;

/// The progress that a person watches during a benchmark. On a terminal one line is rewritten; elsewhere a line is
/// printed every few seconds.
public final class BenchDisplay implements Benchmark.Progress, AutoCloseable {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    private final PrintStream out;
    private final boolean terminal;
    private long lastLine = System.nanoTime() - BETWEEN_LINES.toNanos();
    private int drawn;

    BenchDisplay(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    public static BenchDisplay onStandardError() {
        return new BenchDisplay(System.err, Progress.onTerminal());
    }

    @Override
    public void machine() {
        show("bench: the machine's peaks");
    }

    @Override
    public void round(Benchmark.Part part, int sequences, boolean warmUp, int round, double tokensPerSecond) {
        show("bench: %s, %,d at a time, %s %,d: %,.1f tokens/s"
                .formatted(
                        part.name().toLowerCase(Locale.ROOT),
                        sequences,
                        warmUp ? "warm-up" : "round",
                        round,
                        tokensPerSecond));
    }

    private void show(String line) {
        if (terminal) {
            out.print("\r" + line + " ".repeat(Math.max(0, drawn - line.length())));
            out.flush();
            drawn = line.length();
        } else if (System.nanoTime() - lastLine >= BETWEEN_LINES.toNanos()) {
            out.println(line);
            lastLine = System.nanoTime();
        }
    }

    /// Clears the line to make room for what is printed next.
    @Override
    public void close() {
        if (terminal) {
            out.print("\r" + " ".repeat(drawn) + "\r");
            out.flush();
        }
    }
}
