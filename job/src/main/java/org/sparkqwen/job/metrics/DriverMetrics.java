package org.sparkqwen.job.metrics;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;

/// The driver's part of [MetricsPlugin]. It publishes the sums of what executors report, as `cluster.` and the metric's
/// name. Counts stay when an executor is lost; gauges include only executors that reported a moment ago.
final class DriverMetrics implements DriverPlugin {
    static final String PREFIX = "cluster.";
    static final String EXECUTORS = PREFIX + "executors";

    private static final Duration SILENCE = ExecutorMetrics.BETWEEN_READINGS.multipliedBy(3);

    private final Map<String, Heard> readings = new ConcurrentHashMap<>();

    private record Heard(ExecutorReading reading, long nanoTime) {
        boolean isRecent() {
            return System.nanoTime() - nanoTime < SILENCE.toNanos();
        }
    }

    @Override
    public void registerMetrics(String application, PluginContext context) {
        registerMetrics(context.metricRegistry());
    }

    void registerMetrics(MetricRegistry registry) {
        registry.register(EXECUTORS, (Gauge<Long>) () -> recent().count());
        for (String metric : EngineMeters.counted()) {
            registry.register(PREFIX + metric, (Gauge<Long>) () -> counted(metric));
            String rate = EngineMeters.rate(metric);
            registry.register(PREFIX + rate, (Gauge<Double>) () -> now(rate));
        }
        for (String metric : EngineMeters.inWork()) {
            registry.register(PREFIX + metric, (Gauge<Double>) () -> now(metric));
        }
    }

    private long counted(String metric) {
        return readings.values().stream()
                .mapToLong(heard -> heard.reading.counts().getOrDefault(metric, 0L))
                .sum();
    }

    private double now(String metric) {
        return recent().mapToDouble(reading -> reading.now().getOrDefault(metric, 0d))
                .sum();
    }

    private Stream<ExecutorReading> recent() {
        return readings.values().stream().filter(Heard::isRecent).map(Heard::reading);
    }

    @Override
    public @Nullable Object receive(Object message) {
        if (message instanceof ExecutorReading reading) {
            readings.put(reading.executor(), new Heard(reading, System.nanoTime()));
        }
        return null;
    }
}
