package org.sparkqwen.job.input.record;

import org.jspecify.annotations.Nullable;

/// A record of a text file, unchanged: a line, or a value over several lines.
///
/// @param bytes the bytes without the separator that ends the record
/// @param problem why the end of the record, or the division of its parts, is unknown; null if both are known
public record InputRecord(byte[] bytes, @Nullable String problem) {}
