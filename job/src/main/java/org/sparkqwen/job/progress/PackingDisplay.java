package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.PrintStream;
import java.time.Duration;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.message.Quote;

/// The progress that a person watches while gigabytes are packed, checked or copied. On a terminal it is a bar with the
/// rate and the time left; elsewhere it is a line every few seconds.
public final class PackingDisplay implements PackingProgress, AutoCloseable {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);
    private static final int MEGABYTE = 1_000_000;
    private static final double GIGABYTE = 1e9;

    private final String name;
    private final PrintStream out;
    private final boolean terminal;
    private final Duration betweenLines;

    @GuardedBy("this")
    private @Nullable ProgressBar bar;

    @GuardedBy("this")
    private long start;

    @GuardedBy("this")
    private long total;

    @GuardedBy("this")
    private long done;

    @GuardedBy("this")
    private Duration nextLine = Duration.ZERO;

    public PackingDisplay(String name, PrintStream out, boolean terminal, Duration betweenLines) {
        this.name = Quote.of(name);
        this.out = out;
        this.terminal = terminal;
        this.betweenLines = betweenLines;
    }

    /// Returns a display on standard error.
    public static PackingDisplay of(String name) {
        return new PackingDisplay(name, System.err, Progress.onTerminal(), BETWEEN_LINES);
    }

    @Override
    public synchronized void start(long bytes) {
        start = System.nanoTime();
        total = bytes;
        done = 0;
        nextLine = betweenLines;
        close();
        if (terminal) {
            bar = new ProgressBarBuilder()
                    .setTaskName(name)
                    .setInitialMax(bytes)
                    .setUnit(" MB", MEGABYTE)
                    .showSpeed()
                    .setStyle(ProgressBarStyle.ASCII)
                    .setConsumer(new ConsoleProgressBarConsumer(out, Progress.width()))
                    .build();
        }
    }

    @Override
    public synchronized void advance(long bytes) {
        done += bytes;
        if (bar != null) {
            bar.stepTo(done);
            return;
        }
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (elapsed.compareTo(nextLine) >= 0) {
            nextLine = elapsed.plus(betweenLines);
            out.println(line(name, done, total, elapsed));
        }
    }

    /// Formats a line, such as `pack: 1.2 of 8.0 GB (15 %), 0:12 left, 0.65 GB/s`.
    public static String line(String name, long done, long total, Duration elapsed) {
        Duration left = elapsed.multipliedBy((total - done) / MEGABYTE).dividedBy(Math.max(1, done / MEGABYTE));
        return "%s: %.1f of %.1f GB (%d %%), %s left, %s"
                .formatted(
                        name,
                        done / GIGABYTE,
                        total / GIGABYTE,
                        100 * done / total,
                        Progress.clock(left),
                        rate(done, elapsed));
    }

    /// Formats a rate, such as `0.65 GB/s`.
    public static String rate(long bytes, Duration elapsed) {
        return "%.2f GB/s".formatted(bytes / (double) Math.max(1, elapsed.toNanos()));
    }

    @Override
    public synchronized void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
