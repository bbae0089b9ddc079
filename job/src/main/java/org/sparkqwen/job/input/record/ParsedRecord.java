package org.sparkqwen.job.input.record;

import org.apache.spark.sql.catalyst.InternalRow;
import org.jspecify.annotations.Nullable;

/// A row that was parsed from a record.
///
/// @param row the columns of the record
/// @param problem what is wrong with the record; null if nothing is
public record ParsedRecord(InternalRow row, @Nullable String problem) {}
