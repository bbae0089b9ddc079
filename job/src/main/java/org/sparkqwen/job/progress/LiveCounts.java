package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.job.spark.Heartbeats;

/// The counts of all tasks so far, including running ones. The driver's accumulators get a task's counts when it ends,
/// and executors' heartbeats bring them before.
///
/// A cluster may run some ten thousand tasks, and each reports some dozen accumulators of Spark's own. So only ours are
/// kept, and their sums are kept up with each report.
final class LiveCounts extends SparkListener {
    private final Counters counters;

    @GuardedBy("this")
    private final Map<Long, Counts> countsByTask = new HashMap<>();

    @GuardedBy("this")
    private Counts running = Counts.NONE;

    /// What running tasks have counted.
    private record Counts(long rows, long partialRows, long tokens, long errors) {
        static final Counts NONE = new Counts(0, 0, 0, 0);

        Counts plus(Counts other) {
            return new Counts(
                    rows + other.rows, partialRows + other.partialRows, tokens + other.tokens, errors + other.errors);
        }

        Counts minus(Counts other) {
            return new Counts(
                    rows - other.rows, partialRows - other.partialRows, tokens - other.tokens, errors - other.errors);
        }
    }

    LiveCounts(Counters counters) {
        this.counters = counters;
    }

    synchronized long rows() {
        return counters.rows().value() + running.rows;
    }

    /// Returns the finished rows and the finished parts of rows in work.
    synchronized double rowsAndParts() {
        long parts = counters.partialRows().value() + running.partialRows;
        return rows() + Math.max(0, (double) parts / Counters.WHOLE_ROW);
    }

    synchronized long tokens() {
        return counters.tokens().value() + running.tokens;
    }

    synchronized long errors() {
        return counters.errors().value() + running.errors;
    }

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
        countsByTask.put(start.taskInfo().taskId(), Counts.NONE);
    }

    @Override
    public void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
        Heartbeats.read(heartbeat, this::note);
    }

    /// Takes what a task has counted. A heartbeat may come after the end of its task, whose counts the accumulators
    /// have by then.
    private synchronized void note(long task, Iterable<AccumulableInfo> counted) {
        Counts before = countsByTask.get(task);
        if (before != null) {
            Counts now = new Counts(
                    count(counters.rows(), counted),
                    count(counters.partialRows(), counted),
                    count(counters.tokens(), counted),
                    count(counters.errors(), counted));
            countsByTask.put(task, now);
            running = running.plus(now).minus(before);
        }
    }

    private static long count(LongAccumulator accumulator, Iterable<AccumulableInfo> counted) {
        for (AccumulableInfo info : counted) {
            if (info.id() == accumulator.id()
                    && info.update().isDefined()
                    && info.update().get() instanceof Long count) {
                return count;
            }
        }
        return 0;
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        Counts last = countsByTask.remove(end.taskInfo().taskId());
        if (last != null) {
            running = running.minus(last);
        }
    }
}
