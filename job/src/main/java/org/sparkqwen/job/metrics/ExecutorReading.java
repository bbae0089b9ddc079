package org.sparkqwen.job.metrics;

import java.io.Serializable;
import java.util.Map;

/// An executor's report to the driver about its [EngineMeters].
///
/// @param executor the executor's id
/// @param counts all its counts, by metric
/// @param now what it has in work, by metric, and rates per second
record ExecutorReading(String executor, Map<String, Long> counts, Map<String, Double> now) implements Serializable {}
