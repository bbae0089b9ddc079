package org.sparkqwen.job.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ExecutorMetricsTest {
    @Test
    void aReadingThatFailsEndsNeitherTheNextNorOthers() throws InterruptedException {
        ExecutorMetrics metrics = new ExecutorMetrics();
        CountDownLatch failed = new CountDownLatch(3);
        CountDownLatch others = new CountDownLatch(3);
        try {
            metrics.every(Duration.ofMillis(5), () -> {
                failed.countDown();
                throw new IllegalStateException("an engine that is being closed");
            });
            assertThat(failed.await(1, TimeUnit.MINUTES)).as("tried again").isTrue();
            metrics.every(Duration.ofMillis(5), others::countDown);
            assertThat(others.await(1, TimeUnit.MINUTES))
                    .as("the other's turns")
                    .isTrue();
        } finally {
            metrics.shutdown();
        }
    }
}
