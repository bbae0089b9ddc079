package org.sparkqwen.job.metrics;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.job.executor.ExecutorEngine;

/// An executor's part of [MetricsPlugin]. It reads the engines of this JVM every second, and reports to the driver from
/// time to time.
final class ExecutorMetrics implements ExecutorPlugin {
    static final Duration BETWEEN_READINGS = Duration.ofSeconds(5);

    private static final Logger LOG = LoggerFactory.getLogger(ExecutorMetrics.class);
    private static final Duration BETWEEN_SAMPLES = Duration.ofSeconds(1);

    private final Timer timer = new Timer("spark-qwen-metrics", true);

    @Override
    public void init(PluginContext context, Map<String, String> extraConf) {
        EngineMeters meters = EngineMeters.register(context.metricRegistry());
        every(BETWEEN_SAMPLES, () -> meters.sample(ExecutorEngine.engines()));
        every(BETWEEN_READINGS, () -> tell(context, meters));
    }

    /// Goes on when `action` fails, which would end a bare timer and all that it runs.
    void every(Duration time, Runnable action) {
        TimerTask task = new TimerTask() {
            private boolean warned;

            @Override
            public void run() {
                try {
                    action.run();
                } catch (Exception e) { // Spark throws checked exceptions that it does not declare
                    warn(e);
                }
            }

            private void warn(Exception e) {
                if (warned) {
                    LOG.debug("metrics were not read again", e);
                } else {
                    warned = true;
                    LOG.warn("metrics were not read this time", e);
                }
            }
        };
        timer.schedule(task, time.toMillis(), time.toMillis());
    }

    private static void tell(PluginContext context, EngineMeters meters) {
        try {
            context.send(new ExecutorReading(context.executorID(), meters.counts(), meters.now(), meters.means()));
        } catch (IOException e) {
            LOG.debug("the driver cannot be told of metrics", e);
        }
    }

    @Override
    public void shutdown() {
        timer.cancel();
    }
}
