package org.sparkqwen.job.errors;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.Heartbeats;
import scala.jdk.javaapi.CollectionConverters;

/// Watches the errors that tasks find during an interval, and cancels the interval's Spark jobs when they are too many.
///
/// Several attempts at a partition count once. A partition has the same errors each time, so the errors of the attempt
/// that got furthest include those of the others.
public final class ErrorWatch extends SparkListener {
    private final SparkSession spark;
    private final ErrorKinds accumulator;
    private final ErrorTally tally;
    private final String jobGroup = "spark-qwen " + UUID.randomUUID();

    @GuardedBy("this")
    private final Map<Long, Part> partsByTask = new HashMap<>();

    @GuardedBy("this")
    private final Map<Part, Collection<ErrorKind>> found = new HashMap<>();

    /// The errors of all parts, which each of thousands of reports is judged by.
    @GuardedBy("this")
    private long rows;

    @GuardedBy("this")
    private boolean exceeded;

    /// The partition of a stage, on which one task works.
    private record Part(int stage, int partition) {}

    private ErrorWatch(SparkSession spark, ErrorKinds accumulator, ErrorTally tally) {
        this.spark = spark;
        this.accumulator = accumulator;
        this.tally = tally;
    }

    /// Watches Spark jobs that `work` runs in this thread.
    ///
    /// @param accumulator the accumulator of the jobs' tasks
    /// @return the errors found, the most frequent kind first
    /// @throws Refusal if errors are too many, as soon as they are, or the refusal of `work`
    public static List<ErrorKind> watch(SparkSession spark, ErrorKinds accumulator, ErrorTally tally, Runnable work) {
        accumulator.reset();
        ErrorWatch watch = new ErrorWatch(spark, accumulator, tally);
        spark.sparkContext().setJobGroup(watch.jobGroup, "spark-qwen", false);
        spark.sparkContext().addSparkListener(watch);
        try {
            work.run();
        } catch (Refusal e) {
            watch.refuseExceeded();
            throw e;
        } finally {
            spark.sparkContext().removeSparkListener(watch);
            spark.sparkContext().clearJobGroup();
        }
        // Heartbeats may have missed the last errors.
        List<ErrorKind> all = ErrorKind.sorted(accumulator.value().values());
        if (tally.isExceeded(ErrorKind.total(all))) {
            throw tally.refusal(all);
        }
        return all;
    }

    private synchronized void refuseExceeded() {
        if (exceeded) {
            List<ErrorKind> all = new ArrayList<>();
            found.values().forEach(all::addAll);
            throw tally.refusal(all);
        }
    }

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
        partsByTask.put(
                start.taskInfo().taskId(),
                new Part(start.stageId(), start.taskInfo().partitionId()));
    }

    @Override
    public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
        Heartbeats.read(heartbeat, this::note);
        judge();
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        note(end.taskInfo().taskId(), CollectionConverters.asJava(end.taskInfo().accumulables()));
        partsByTask.remove(end.taskInfo().taskId());
        judge();
    }

    private synchronized void note(long task, Iterable<AccumulableInfo> counted) {
        Part part = partsByTask.get(task);
        for (AccumulableInfo info : counted) {
            if (part != null && info.id() == accumulator.id() && info.update().isDefined()) {
                List<ErrorKind> kinds = kinds(info.update().get());
                long more = ErrorKind.total(kinds) - ErrorKind.total(found.getOrDefault(part, List.of()));
                if (more > 0) {
                    found.put(part, kinds);
                    rows += more;
                }
            }
        }
    }

    /// Casts a value of [ErrorKinds].
    private static List<ErrorKind> kinds(Object value) {
        List<ErrorKind> kinds = new ArrayList<>();
        if (value instanceof Map<?, ?> map) {
            map.values().forEach(kind -> kinds.add((ErrorKind) kind));
        }
        return kinds;
    }

    @GuardedBy("this")
    private void judge() {
        if (!exceeded && tally.isExceeded(rows)) {
            exceeded = true;
            spark.sparkContext().cancelJobGroupAndFutureJobs(jobGroup, "too many rows have errors");
        }
    }
}
