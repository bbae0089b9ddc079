package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import org.apache.spark.util.LongAccumulator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.message.Quote;

/// An executor's log while it copies a model: a line at the beginning, one every few seconds, and one at the end. The
/// driver shows the counts, too.
public final class CopyLog implements PackingProgress {
    private static final Logger LOG = LoggerFactory.getLogger(CopyLog.class);
    private static final Duration INTERVAL = Duration.ofSeconds(5);

    private final String name;
    private final LongAccumulator copied;

    @GuardedBy("this")
    private long start;

    @GuardedBy("this")
    private long total;

    @GuardedBy("this")
    private long done;

    @GuardedBy("this")
    private Duration nextLine = INTERVAL;

    /// @param name the name of what is copied
    /// @param copied the task's accumulator, see [CopyDisplay]
    public CopyLog(String name, LongAccumulator copied) {
        this.name = Quote.of(name);
        this.copied = copied;
    }

    @Override
    public synchronized void start(long bytes) {
        start = System.nanoTime();
        total = bytes;
        done = 0;
        LOG.info("copying {} to this host, {} MB", name, bytes / 1_000_000);
    }

    @Override
    public synchronized void advance(long bytes) {
        done += bytes;
        copied.add(bytes);
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (done == total || elapsed.compareTo(nextLine) >= 0) {
            nextLine = elapsed.plus(INTERVAL);
            LOG.info("{}", PackingDisplay.line("copied " + name, done, total, elapsed));
        }
    }
}
