package org.sparkqwen.job.executor;

import org.sparkqwen.job.columns.JobRow;

/// What became of an input row, or of one of its samples.
///
/// @param <R> the type of results
public sealed interface Outcome<R> {
    /// Returns the input row.
    JobRow row();

    /// Returns the number of the sample, from 0.
    int sample();

    /// The row has a result.
    record Finished<R>(JobRow row, int sample, R result) implements Outcome<R> {}

    /// The row cannot be processed.
    ///
    /// @param reason what is wrong with the row, a line for a person
    record Rejected<R>(JobRow row, int sample, String reason) implements Outcome<R> {}
}
