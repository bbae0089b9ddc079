package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.spark.ContextCleaner;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.job.spark.Heartbeats;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/// The progress that a person at the driver sees while hosts copy the model: a line every few seconds. Heartbeats bring
/// what tasks have counted. The number of hosts that will need the model is unknown, because executors come and go.
public final class CopyDisplay extends SparkListener {
    private static final Duration BETWEEN_LINES = Duration.ofSeconds(5);

    private final long copied;
    private final long modelBytes;
    private final PrintStream out;

    @GuardedBy("this")
    private final Map<Long, Long> bytesByTask = new HashMap<>();

    @GuardedBy("this")
    private final Set<String> executors = new HashSet<>();

    @GuardedBy("this")
    private long shown;

    @GuardedBy("this")
    private long nextLine = System.nanoTime();

    /// @param copied the id of the accumulator
    private CopyDisplay(long copied, long modelBytes, PrintStream out) {
        this.copied = copied;
        this.modelBytes = modelBytes;
        this.out = out;
    }

    /// Shows what executors of `spark` copy from now on, for as long as somebody has the accumulator. A model has
    /// its accumulator, so the display ends with the model, as its broadcasts do.
    ///
    /// @param modelBytes the bytes of one copy
    /// @return the accumulator with which tasks count the bytes
    public static LongAccumulator show(SparkSession spark, long modelBytes, PrintStream out) {
        LongAccumulator copied = spark.sparkContext().longAccumulator("model bytes copied");
        CopyDisplay display = new CopyDisplay(copied.id(), modelBytes, out);
        spark.sparkContext().addSparkListener(display);
        Option<ContextCleaner> cleaner = spark.sparkContext().cleaner();
        if (cleaner.isDefined()) {
            cleaner.get().registerSparkListenerForCleanup(copied, display);
        }
        return copied;
    }

    @Override
    public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
        Heartbeats.read(heartbeat, (task, counted) -> count(task, heartbeat.execId(), counted));
        show();
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        count(
                end.taskInfo().taskId(),
                end.taskInfo().executorId(),
                CollectionConverters.asJava(end.taskInfo().accumulables()));
        show();
    }

    private synchronized void count(long task, String executor, Iterable<AccumulableInfo> updates) {
        for (AccumulableInfo info : updates) {
            if (info.id() == copied
                    && info.update().isDefined()
                    && info.update().get() instanceof Long bytes) {
                if (bytes > 0) {
                    bytesByTask.put(task, bytes);
                    executors.add(executor);
                }
            }
        }
    }

    @GuardedBy("this")
    private void show() {
        long bytes = bytesByTask.values().stream().mapToLong(Long::longValue).sum();
        if (bytes > shown && (System.nanoTime() >= nextLine || bytes % modelBytes == 0)) {
            shown = bytes;
            nextLine = System.nanoTime() + BETWEEN_LINES.toNanos();
            out.println(line(bytes, executors.size(), modelBytes));
        }
    }

    /// Formats a line, such as `Model: 3 executors have copied 5.2 GB; it has 8.0 GB`.
    public static String line(long bytes, int executors, long modelBytes) {
        return "Model: %d executor%s copied %.1f GB; it has %.1f GB"
                .formatted(executors, executors == 1 ? " has" : "s have", bytes / 1e9, modelBytes / 1e9);
    }
}
