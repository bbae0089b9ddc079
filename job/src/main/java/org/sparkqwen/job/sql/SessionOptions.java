package org.sparkqwen.job.sql;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.failure.Refusal;
import scala.jdk.javaapi.CollectionConverters;

/// The options that a session's settings give, such as `spark.qwen.model`: which model is run, and how.
final class SessionOptions {
    private SessionOptions() {}

    /// Returns the options that the settings of the active session give to a job, by their names without dashes.
    ///
    /// Settings are read from the session itself, because Spark analyzes a view with settings of its own.
    ///
    /// @throws Refusal if a setting under `spark.qwen.` is unknown
    static Map<String, List<String>> of(JobFunction function) {
        Map<String, String> known = new TreeMap<>();
        JobOptions.modelNames().forEach(option -> known.put(SqlNames.setting(option), option));
        Map<String, List<String>> options = new HashMap<>();
        CollectionConverters.asJava(SparkSession.active().conf().getAll()).forEach((setting, value) -> {
            if (setting.startsWith(SqlNames.SETTINGS)) {
                String option = known.get(setting);
                if (option == null) {
                    throw Refusal.usage("there is no setting %s; there are %s"
                            .formatted(setting, String.join(", ", known.keySet())));
                }
                options.put(option, List.of(value));
            }
        });
        options.keySet().retainAll(JobOptions.names(function.job()));
        return options;
    }
}
