package org.sparkqwen.job.input.record;

import org.jspecify.annotations.Nullable;

/// A record of a text file as it stands there: a line, or a value over several lines.
///
/// @param bytes without what ends it
/// @param problem why it cannot be told where the record ends, or how its parts divide; null if it can
public record InputRecord(byte[] bytes, @Nullable String problem) {}
