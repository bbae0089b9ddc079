package org.sparkqwen.job.spark;

import org.jspecify.annotations.Nullable;

/// A row that Spark's parser made of a text.
///
/// @param row the columns; those that could not be parsed are null
/// @param failure why the text is not a row of these columns; null if it is one
public record ParsedRow(SparkRow row, @Nullable Throwable failure) {}
