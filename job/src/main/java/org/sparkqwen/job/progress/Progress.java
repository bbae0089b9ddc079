package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.Console;
import java.io.PrintStream;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.Timer;
import java.util.TimerTask;
import java.util.function.LongToDoubleFunction;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/// The progress that a person watches while a job runs. On a terminal it is a bar; elsewhere it is a line after ten
/// seconds, one every minute, and one at the end. Both show the rows and tokens that are done, including earlier starts
/// of the same run, the rows with errors, the current rate, and the time left at the speed of this start.
public final class Progress implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final Duration FIRST_LINE = Duration.ofSeconds(10);
    private static final Duration BETWEEN_LINES = Duration.ofMinutes(1);
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT);
    private static final int DEFAULT_WIDTH = 110;

    private final SparkSession spark;
    private final String name;
    private final Whole whole;
    private final long rowsBefore;
    private final LiveCounts counts;

    @GuardedBy("this")
    private final RecentRate rate;

    private final Pace pace;
    private final PrintStream out;
    private final long start = System.nanoTime();
    private final Timer timer = new Timer("spark-qwen-progress", true);

    @GuardedBy("this")
    private @Nullable ProgressBar bar;

    @GuardedBy("this")
    private Duration nextLine = FIRST_LINE;

    @GuardedBy("this")
    private boolean closed;

    /// The whole of a run.
    ///
    /// @param rows how many rows the run has
    /// @param work the work of the rows before a given one, in any unit, by which the time left is estimated
    /// @param before the time that earlier starts took for what they committed
    public record Whole(long rows, LongToDoubleFunction work, Duration before) {}

    private Progress(SparkSession spark, String name, Whole whole, Counters counters, Pace pace, PrintStream out) {
        this.spark = spark;
        this.name = name;
        this.whole = whole;
        this.pace = pace;
        this.out = out;
        counts = new LiveCounts(counters);
        rowsBefore = counts.rows();
        rate = new RecentRate(counts.tokens());
    }

    /// Shows the progress of a run on standard error until it is closed. What `counters` have counted before counts
    /// as done, but not for the speed.
    ///
    /// @param pace receives the tokens
    public static Progress show(SparkSession spark, String name, Whole whole, Counters counters, Pace pace) {
        return show(spark, name, whole, counters, pace, System.err, onTerminal());
    }

    /// @param terminal whether `out` is one, and so gets a bar
    static Progress show(
            SparkSession spark,
            String name,
            Whole whole,
            Counters counters,
            Pace pace,
            PrintStream out,
            boolean terminal) {
        Progress progress = new Progress(spark, name, whole, counters, pace, out);
        progress.start(terminal);
        return progress;
    }

    private synchronized void start(boolean terminal) {
        spark.sparkContext().addSparkListener(counts);
        bar = terminal ? newBar() : null;
        timer.schedule(
                new TimerTask() {
                    @Override
                    public void run() {
                        look();
                    }
                },
                INTERVAL.toMillis(),
                INTERVAL.toMillis());
    }

    /// Returns whether this JVM was started from a terminal.
    @SuppressWarnings("SystemConsoleNull") // null or not depends on the JDK; a console may also not be a terminal
    public static boolean onTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    private ProgressBar newBar() {
        return new ProgressBarBuilder()
                .setTaskName(name)
                .setInitialMax(whole.rows())
                .startsFrom(rowsBefore, whole.before())
                .setEtaFunction(_ -> left())
                .setUnit(" rows", 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis((int) INTERVAL.toMillis())
                .setConsumer(new ConsoleProgressBarConsumer(out, width()))
                .build();
    }

    /// Returns how many columns the bar may have.
    static int width() {
        String columns = System.getenv("COLUMNS");
        return columns != null && columns.matches("\\d{2,4}") ? Integer.parseInt(columns) - 1 : DEFAULT_WIDTH;
    }

    private synchronized void look() {
        Duration elapsed = elapsed();
        pace.add(elapsed, counts.tokens());
        rate.add(elapsed, counts.tokens());
        if (bar != null) {
            bar.stepTo(rows());
            bar.setExtraMessage(" " + facts());
        } else if (elapsed.compareTo(nextLine) >= 0) {
            out.println(line(LocalTime.now(ZoneId.systemDefault())));
            nextLine = nextLine.plus(BETWEEN_LINES);
        }
    }

    /// Returns the rows that are done. A retried task counts its rows again, until its interval is done.
    private long rows() {
        return Math.min(whole.rows(), counts.rows());
    }

    /// Returns the rows that are done and the finished parts of rows in work, because a document of millions of
    /// tokens takes hours.
    private double rowsAndParts() {
        return Math.min((double) whole.rows(), counts.rowsAndParts());
    }

    private Duration elapsed() {
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /// Formats a line, such as
    /// `12:03:10 score: 120 of 480 rows (25 %), 61,203 tokens, 5,930 tokens/s, 0 errors, 1:30 left`.
    String line(LocalTime now) {
        String share = whole.rows() == 0 ? "" : " (%d %%)".formatted((long) (100 * rowsAndParts() / whole.rows()));
        return "%s %s: %,d of %,d rows%s, %s, %s"
                .formatted(
                        TIME.format(now),
                        name,
                        rows(),
                        whole.rows(),
                        share,
                        facts(),
                        left().map(left -> clock(left) + " left").orElse("time left not known yet"));
    }

    /// Formats the counts of what is done. Work that counts no tokens has no rate of tokens.
    private synchronized String facts() {
        String errors = "%,d error%s".formatted(counts.errors(), counts.errors() == 1 ? "" : "s");
        return counts.tokens() == 0 && counts.rows() > 0
                ? errors
                : "%,d tokens, %,.0f tokens/s, %s".formatted(counts.tokens(), rate.perSecond(elapsed()), errors);
    }

    private Optional<Duration> left() {
        return left(whole, rowsBefore, rowsAndParts(), elapsed());
    }

    /// Estimates the time left from the speed since the beginning of this start; empty as long as nothing was done.
    ///
    /// @param before the rows that were done at the beginning of this start
    static Optional<Duration> left(Whole whole, long before, double rows, Duration elapsed) {
        long wholeRows = (long) rows;
        double work = whole.work().applyAsDouble(wholeRows);
        double ofNext = whole.work().applyAsDouble(Math.min(whole.rows(), wholeRows + 1)) - work;
        double reached = work + ofNext * (rows - wholeRows);
        double done = reached - whole.work().applyAsDouble(before);
        double rest = whole.work().applyAsDouble(whole.rows()) - reached;
        return done <= 0 ? Optional.empty() : Optional.of(Duration.ofNanos((long) (elapsed.toNanos() * rest / done)));
    }

    static String clock(Duration duration) {
        return duration.toHours() > 0
                ? "%d:%02d:%02d".formatted(duration.toHours(), duration.toMinutesPart(), duration.toSecondsPart())
                : "%d:%02d".formatted(duration.toMinutesPart(), duration.toSecondsPart());
    }

    /// Shows the last state and closes the display. A second call does nothing.
    @Override
    public void close() {
        timer.cancel();
        ProgressBar last;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            nextLine = Duration.ZERO;
            look();
            last = bar;
        }
        if (last != null) {
            last.close();
        }
        spark.sparkContext().removeSparkListener(counts);
    }
}
