package org.sparkqwen.job;

import java.io.Console;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Timer;
import java.util.TimerTask;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/// What a person watches while a job runs: a bar with rate and time left on a terminal, elsewhere a line after some
/// seconds and then about once a minute.
final class Progress implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final Duration FIRST_LINE = Duration.ofSeconds(5);
    private static final Duration LONGEST_SILENCE = Duration.ofMinutes(1);
    private static final int DEFAULT_WIDTH = 110;

    private final SparkSession spark;
    private final String name;
    private final long totalRows;
    private final long rowsBefore;
    private final long tokensBefore;
    private final LiveCounts counts;
    private final Pace pace;
    private final PrintStream out;
    private final long start = System.nanoTime();
    private final Timer timer = new Timer("spark-qwen-progress", true);
    private final @Nullable ProgressBar bar;
    private Duration nextLine = FIRST_LINE;

    Progress(
            SparkSession spark,
            String name,
            long totalRows,
            Counters counters,
            Pace pace,
            PrintStream out,
            boolean terminal) {
        this.spark = spark;
        this.name = name;
        this.totalRows = totalRows;
        this.pace = pace;
        this.out = out;
        counts = new LiveCounts(counters);
        rowsBefore = counts.rows();
        tokensBefore = counts.tokens();
        spark.sparkContext().addSparkListener(counts);
        bar = terminal ? bar() : null;
        timer.schedule(
                new TimerTask() {
                    @Override
                    public void run() {
                        pace.add(elapsed(), counts.tokens());
                        show();
                    }
                },
                INTERVAL.toMillis(),
                INTERVAL.toMillis());
    }

    /// Shows the progress of `totalRows` rows on standard error until it is closed. What `counters` have counted
    /// before is done, and no part of the speed.
    ///
    /// @param pace takes note of the tokens
    static Progress show(SparkSession spark, String name, long totalRows, Counters counters, Pace pace) {
        return new Progress(spark, name, totalRows, counters, pace, System.err, onTerminal());
    }

    /// Whether this JVM was started from a terminal.
    @SuppressWarnings("SystemConsoleNull") // null or not depends on the JDK; a console may also not be a terminal
    static boolean onTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    private ProgressBar bar() {
        return new ProgressBarBuilder()
                .setTaskName(name)
                .setInitialMax(totalRows)
                .startsFrom(rowsBefore, Duration.ZERO)
                .setUnit(" rows", 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis((int) INTERVAL.toMillis())
                .setConsumer(new ConsoleProgressBarConsumer(out, width()))
                .build();
    }

    /// Columns to draw on.
    static int width() {
        String columns = System.getenv("COLUMNS");
        return columns != null && columns.matches("\\d{2,4}") ? Integer.parseInt(columns) - 1 : DEFAULT_WIDTH;
    }

    private synchronized void show() {
        Duration elapsed = elapsed();
        if (bar != null) {
            bar.stepTo(Math.min(totalRows, counts.rows()));
            bar.setExtraMessage(" %s%s".formatted(rate(elapsed), errors()));
        } else if (elapsed.compareTo(nextLine) >= 0) {
            out.println(line(name, rowsBefore, counts.rows(), totalRows, elapsed) + ", " + rate(elapsed) + errors());
            Duration next = nextLine.multipliedBy(2);
            nextLine = next.compareTo(LONGEST_SILENCE) < 0 ? next : nextLine.plus(LONGEST_SILENCE);
        }
    }

    private Duration elapsed() {
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /// `score: 120 of 230 rows (52 %), 0:12 left`.
    ///
    /// @param before rows that were done when the time began
    static String line(String name, long before, long rows, long total, Duration elapsed) {
        String share = total == 0 ? "" : " (%d %%)".formatted(100 * Math.min(rows, total) / total);
        String left = rows <= before
                ? "time left not known yet"
                : clock(elapsed.multipliedBy(Math.max(0, total - rows)).dividedBy(rows - before)) + " left";
        return "%s: %,d of %,d rows%s, %s".formatted(name, rows, total, share, left);
    }

    private String rate(Duration elapsed) {
        return "%,d tokens, %,.0f tokens/s"
                .formatted(counts.tokens(), (counts.tokens() - tokensBefore) / seconds(elapsed));
    }

    private String errors() {
        return counts.errors() == 0 ? "" : ", %,d errors".formatted(counts.errors());
    }

    private static double seconds(Duration duration) {
        return Math.max(1e-3, duration.toNanos() / 1e9);
    }

    static String clock(Duration duration) {
        return duration.toHours() > 0
                ? "%d:%02d:%02d".formatted(duration.toHours(), duration.toMinutesPart(), duration.toSecondsPart())
                : "%d:%02d".formatted(duration.toMinutesPart(), duration.toSecondsPart());
    }

    /// Shows the last state and ends the display.
    @Override
    public void close() {
        timer.cancel();
        pace.add(elapsed(), counts.tokens());
        synchronized (this) {
            if (bar != null) {
                show();
                bar.close();
            }
        }
        spark.sparkContext().removeSparkListener(counts);
    }
}
