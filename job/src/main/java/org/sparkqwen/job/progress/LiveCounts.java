package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.job.spark.Heartbeats;

/// The counts of all tasks so far, including running ones. The driver's accumulators get a task's counts when it ends,
/// and executors' heartbeats bring them before.
final class LiveCounts extends SparkListener {
    private final Counters counters;

    @GuardedBy("this")
    private final Map<Long, Map<Long, Long>> countsByTask = new HashMap<>();

    LiveCounts(Counters counters) {
        this.counters = counters;
    }

    synchronized long rows() {
        return total(counters.rows());
    }

    /// Returns the finished rows and the finished parts of rows in work.
    synchronized double rowsAndParts() {
        return rows() + Math.max(0, (double) total(counters.partialRows()) / Counters.WHOLE_ROW);
    }

    synchronized long tokens() {
        return total(counters.tokens());
    }

    synchronized long errors() {
        return total(counters.errors());
    }

    @GuardedBy("this")
    private long total(LongAccumulator accumulator) {
        long total = accumulator.value();
        for (Map<Long, Long> counts : countsByTask.values()) {
            total += counts.getOrDefault(accumulator.id(), 0L);
        }
        return total;
    }

    @Override
    public void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
        Heartbeats.read(heartbeat, this::note);
    }

    private synchronized void note(long task, Iterable<AccumulableInfo> counted) {
        Map<Long, Long> counts = new HashMap<>();
        for (AccumulableInfo info : counted) {
            if (info.update().isDefined() && info.update().get() instanceof Long count) {
                counts.put(info.id(), count);
            }
        }
        countsByTask.put(task, counts);
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        countsByTask.remove(end.taskInfo().taskId());
    }
}
