package org.sparkqwen.job.executor;

import org.sparkqwen.job.columns.TaskCounts;

/// Counts the outcomes of a partition's rows, for the run and for the metrics of this JVM. This is the one place where
/// outcomes are counted.
///
/// @param samples how many outcomes each row has
record RowTally(TaskCounts counts, int samples) {
    /// @param tokens the tokens computed for the outcome; 0 for a rejected row
    /// @param last whether no other outcome of the row is still to come
    /// @param known whether an outcome of the row was rejected before
    void count(Outcome<?> outcome, long tokens, boolean last, boolean known) {
        boolean error = outcome instanceof Outcome.Rejected;
        RowCounts.count(last, error);
        if (outcome instanceof Outcome.Rejected<?> rejected && !known) {
            counts.reject(rejected.reason(), rejected.row().number());
        }
        // A row counts with its last sample, because that is seldom not the last to end.
        counts.count(tokens, error, outcome.sample() == samples - 1);
    }
}
