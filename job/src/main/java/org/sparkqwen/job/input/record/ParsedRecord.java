package org.sparkqwen.job.input.record;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.spark.SparkRow;

/// A row that was parsed from a record.
///
/// @param row the columns of the record
/// @param problem what is wrong with the record; null if nothing is
public record ParsedRecord(SparkRow row, @Nullable String problem) {}
