package org.sparkqwen.job;

import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.PackingProgress;

/// An executor's log while it copies a model: a line when it begins, one every few seconds, one when all is there.
final class CopyLog implements PackingProgress {
    private static final Logger LOG = LoggerFactory.getLogger(CopyLog.class);
    private static final Duration INTERVAL = Duration.ofSeconds(5);

    private final String name;
    private long start;
    private long total;
    private long done;
    private Duration nextLine = INTERVAL;

    /// @param name of what is copied
    CopyLog(String name) {
        this.name = name;
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
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (done == total || elapsed.compareTo(nextLine) >= 0) {
            nextLine = elapsed.plus(INTERVAL);
            LOG.info("{}", PackingDisplay.line("copied " + name, done, total, elapsed));
        }
    }
}
