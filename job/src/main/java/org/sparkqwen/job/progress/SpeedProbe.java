package org.sparkqwen.job.progress;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// Measures for a short time how fast tasks process tokens, and then cancels them.
///
/// The time counts from the moment at which a JVM is warm, [#WARM_UP] after the first tokens. The rate is the slope of
/// the straight line that fits the counts best, because the counts of tasks come in steps, with heartbeats.
public final class SpeedProbe {
    private static final Duration WARM_UP = Duration.ofSeconds(10);
    private static final Duration MEASURED = Duration.ofSeconds(20);
    private static final Duration LONGEST = Duration.ofMinutes(10);
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(30);
    private static final long LOOK_MILLIS = 250;
    private static final int FEWEST_POINTS = 3;

    private final Counters counters;
    private final double warmUp; // seconds, like the next
    private final double measured;
    private final List<Point> points = new ArrayList<>();
    private final long start = System.nanoTime();

    private SpeedProbe(Counters counters, Duration warmUp, Duration measured) {
        this.counters = counters;
        this.warmUp = warmUp.toMillis() / 1e3;
        this.measured = measured.toMillis() / 1e3;
    }

    /// @param seconds since the start
    private record Point(double seconds, long tokens) {}

    /// A measured speed.
    ///
    /// @param tokensPerSecond tokens of all tasks a second
    /// @param seconds how long was measured
    /// @param whole whether the tasks were done before they would have been cancelled
    public record Speed(double tokensPerSecond, double seconds, boolean whole) {}

    /// Measures the tasks of `job`, and says on standard error every half minute that it still does.
    ///
    /// @param counters the counts of the job's tasks, which are 0 before
    /// @param job starts the tasks and waits for them
    /// @throws Refusal if the job fails, or if nothing can be measured in ten minutes
    public static Speed measure(SparkSession spark, Counters counters, Runnable job) {
        return measure(spark, counters, job, WARM_UP, MEASURED);
    }

    /// @param warmUp the time after the first tokens that does not count
    /// @param measured how long is measured then
    static Speed measure(SparkSession spark, Counters counters, Runnable job, Duration warmUp, Duration measured) {
        LiveCounts counts = new LiveCounts(counters);
        RunningTasks tasks = new RunningTasks();
        String group = "spark-qwen-probe-" + UUID.randomUUID();
        spark.sparkContext().addSparkListener(counts);
        spark.sparkContext().addSparkListener(tasks);
        try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
            Future<?> running = thread.submit(() -> {
                spark.sparkContext().setJobGroup(group, "spark-qwen measures its speed", true);
                job.run();
            });
            try {
                return new SpeedProbe(counters, warmUp, measured).watch(counts, running);
            } finally {
                spark.sparkContext().cancelJobGroup(group);
                tasks.awaitEnd(); // a task that outlives the session logs errors
            }
        } finally {
            spark.sparkContext().removeSparkListener(counts);
            spark.sparkContext().removeSparkListener(tasks);
        }
    }

    private Speed watch(LiveCounts counts, Future<?> running) {
        Console console = new Console(System.err);
        double nextLine = BETWEEN_LINES.toSeconds();
        while (seconds() < LONGEST.toSeconds()) {
            if (isDone(running)) {
                return ofAll();
            }
            long tokens = counts.tokens();
            if (tokens > 0 && (points.isEmpty() || tokens != points.getLast().tokens())) {
                points.add(new Point(seconds(), tokens));
            }
            List<Point> warm = warm();
            if (warm.size() >= FEWEST_POINTS && length(warm) >= measured) {
                return new Speed(slope(warm), length(warm), false);
            }
            if (seconds() >= nextLine) {
                nextLine += BETWEEN_LINES.toSeconds();
                console.printf("Measuring the speed for %.0f s: %,d tokens so far%n", seconds(), tokens);
            }
        }
        if (points.size() < 2) {
            throw Refusal.failure(
                    "in %d minutes too little was computed to tell the speed; try a smaller --batch-tokens"
                            .formatted(LONGEST.toMinutes()));
        }
        return new Speed(slope(points), length(points), false);
    }

    /// Waits for a moment.
    ///
    /// @return whether the tasks are done
    private static boolean isDone(Future<?> running) {
        try {
            running.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException _) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Refusal.failure("interrupted while the speed was measured", e);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNull(e.getCause());
            throw Refusal.failure("the speed cannot be measured: " + Failures.firstLine(cause), cause);
        }
    }

    /// The speed of tasks that were done before they would have been cancelled. If they were warm too shortly, all
    /// the time that they took counts.
    private Speed ofAll() {
        List<Point> warm = warm();
        boolean enough = warm.size() >= FEWEST_POINTS && length(warm) >= measured / 4;
        double all = seconds();
        return enough
                ? new Speed(slope(warm), length(warm), true)
                : new Speed(counters.tokens().value() / all, all, true);
    }

    private double seconds() {
        return (System.nanoTime() - start) / 1e9;
    }

    private List<Point> warm() {
        double from = points.isEmpty() ? 0 : points.getFirst().seconds() + warmUp;
        return points.stream().filter(point -> point.seconds() >= from).toList();
    }

    private static double length(List<Point> points) {
        return points.getLast().seconds() - points.getFirst().seconds();
    }

    /// The slope of the line with the least squares of distances, in tokens a second.
    private static double slope(List<Point> points) {
        double meanSeconds =
                points.stream().mapToDouble(Point::seconds).average().orElse(0);
        double meanTokens = points.stream().mapToLong(Point::tokens).average().orElse(0);
        double products = 0;
        double squares = 0;
        for (Point point : points) {
            double distance = point.seconds() - meanSeconds;
            products += distance * (point.tokens() - meanTokens);
            squares += distance * distance;
        }
        return Math.max(0, products / squares);
    }
}
