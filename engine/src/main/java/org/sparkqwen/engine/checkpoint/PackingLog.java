package org.sparkqwen.engine.checkpoint;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.file.Path;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.message.Quote;

/// Logs one line every few seconds while a first run packs its model.
public final class PackingLog implements PackingProgress {
    private static final Logger LOG = LoggerFactory.getLogger(PackingLog.class);
    private static final Duration INTERVAL = Duration.ofSeconds(5);
    private static final double GB = 1e9;

    private final String model;
    private final long start = System.nanoTime();

    @GuardedBy("this")
    private long total;

    @GuardedBy("this")
    private long done;

    @GuardedBy("this")
    private Duration nextLine = INTERVAL;

    public PackingLog(Path model) {
        this.model = Quote.line(model.toString());
    }

    @Override
    public synchronized void start(long bytes) {
        total = bytes;
        if (LOG.isInfoEnabled()) {
            LOG.info("{}: packing {} GB of weights, once", model, "%.2f".formatted(bytes / GB));
        }
    }

    @Override
    public synchronized void advance(long bytes) {
        done += bytes;
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        if (elapsed.compareTo(nextLine) >= 0 && LOG.isInfoEnabled()) {
            nextLine = elapsed.plus(INTERVAL);
            double seconds = elapsed.toNanos() / 1e9;
            LOG.info(
                    "{}: {}",
                    model,
                    "packed %.1f of %.1f GB, %.2f GB/s, %.0f s left"
                            .formatted(done / GB, total / GB, done / GB / seconds, seconds * (total - done) / done));
        }
    }
}
