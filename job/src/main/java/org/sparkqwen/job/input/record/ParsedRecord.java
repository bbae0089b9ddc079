package org.sparkqwen.job.input.record;

import org.apache.spark.sql.catalyst.InternalRow;
import org.jspecify.annotations.Nullable;

/// A row that a record was parsed to.
///
/// @param row the columns of the record
/// @param problem what is wrong with it; null if nothing is
public record ParsedRecord(InternalRow row, @Nullable String problem) {}
