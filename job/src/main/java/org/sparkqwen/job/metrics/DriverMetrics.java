package org.sparkqwen.job.metrics;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;

/// The driver's part of [MetricsPlugin]: what executors tell, put together, as `cluster.` and the metric. Counts and
/// what is in work are added up; means are weighted ones over what all executors did. What was counted stays counted
/// when an executor is lost; of what is in work only those count that were heard of a moment ago.
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
            registry.register(PREFIX + rate, (Gauge<Double>) () -> sum(rate));
        }
        for (String metric : EngineMeters.inWork()) {
            registry.register(PREFIX + metric, (Gauge<Double>) () -> inWork(metric));
        }
    }

    private long counted(String metric) {
        return readings.values().stream()
                .mapToLong(heard -> heard.reading.counts().getOrDefault(metric, 0L))
                .sum();
    }

    private double inWork(String metric) {
        if (EngineMeters.averaged().contains(metric)) {
            return mean(metric);
        }
        return metric.equals(EngineMeters.BATCH_LIMIT) ? now(metric).max().orElse(0) : sum(metric);
    }

    private double sum(String metric) {
        return now(metric).sum();
    }

    private double mean(String metric) {
        return recent().map(reading -> reading.means().getOrDefault(metric, Mean.OF_NOTHING))
                .reduce(Mean.OF_NOTHING, Mean::plus)
                .value();
    }

    private DoubleStream now(String metric) {
        return recent().mapToDouble(reading -> reading.now().getOrDefault(metric, 0d));
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
