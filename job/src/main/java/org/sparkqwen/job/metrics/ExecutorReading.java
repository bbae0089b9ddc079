package org.sparkqwen.job.metrics;

import java.io.Serializable;
import java.util.Map;

/// An executor's report to the driver about its [EngineMeters].
///
/// @param executor its id
/// @param counts all that it has counted, by metric
/// @param now what it has in work, by metric, and rates a second
/// @param means of what it has in work, by metric
record ExecutorReading(String executor, Map<String, Long> counts, Map<String, Double> now, Map<String, Mean> means)
        implements Serializable {}
