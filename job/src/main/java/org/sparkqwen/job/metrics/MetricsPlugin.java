package org.sparkqwen.job.metrics;

import java.util.Arrays;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;

/// Publishes the activity of executors through Spark's metrics. It is active where `spark.plugins` names it, as in
/// every run of a command.
///
/// Each executor publishes its own, to the sinks that run on executors. The driver publishes those of all together, to
/// sinks that run there, such as the Prometheus servlet of its UI. See conf/metrics.properties.
public final class MetricsPlugin implements SparkPlugin {
    public static final String PLUGINS = "spark.plugins";

    /// Called by Spark.
    public MetricsPlugin() {}

    /// Returns the plug-ins of a session with this one added.
    ///
    /// @param others class names, separated by commas; empty for none
    public static String among(String others) {
        String own = MetricsPlugin.class.getName();
        if (others.isBlank()) {
            return own;
        }
        boolean named = Arrays.stream(others.split(",", -1)).map(String::strip).anyMatch(own::equals);
        return named ? others : others + "," + own;
    }

    @Override
    public DriverPlugin driverPlugin() {
        return new DriverMetrics();
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new ExecutorMetrics();
    }
}
