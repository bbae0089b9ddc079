package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;

/// The tasks that run now. Tasks that were cancelled still run until they notice it.
final class RunningTasks extends SparkListener {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

    @GuardedBy("this")
    private final Set<Long> tasks = new HashSet<>();

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
        tasks.add(start.taskInfo().taskId());
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        tasks.remove(end.taskInfo().taskId());
        notifyAll();
    }

    /// Waits until no task runs, and not longer than half a minute.
    synchronized void awaitEnd() {
        long end = System.nanoTime() + LONGEST_WAIT.toNanos();
        try {
            for (long left = LONGEST_WAIT.toNanos(); !tasks.isEmpty() && left > 0; left = end - System.nanoTime()) {
                wait(Duration.ofNanos(left).toMillis() + 1);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
