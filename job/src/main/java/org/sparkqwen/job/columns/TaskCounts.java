package org.sparkqwen.job.columns;

import java.io.Serializable;

/// Counts on executors what tasks do with rows. A run counts with accumulators; a caller's own class overrides the
/// methods that it needs.
///
/// A retried task counts its rows again.
public interface TaskCounts extends Serializable {
    /// Counts nothing.
    TaskCounts NONE = new TaskCounts() {};

    /// A whole row, in the unit in which shares of a row are counted.
    long WHOLE_ROW = 1_000_000;

    /// Counts a result.
    ///
    /// @param tokens the tokens computed for the result
    /// @param error whether the row was rejected
    /// @param row whether the row is counted with this result, which is so for one result of each row
    default void count(long tokens, boolean error, boolean row) {}

    /// Counts what was computed for an unfinished row, or subtracts it when the row is done.
    ///
    /// @param share the computed share of the row, in parts of [#WHOLE_ROW]
    default void countPart(long tokens, long share) {}

    /// Counts a rejected row, once for all its samples.
    ///
    /// @param number the row's number in the run's plan; -1 if there is no plan
    default void reject(String reason, long number) {}

    /// Counts the prompts of a task when the task ends: those of generated texts, of scored continuations, or of
    /// labels.
    ///
    /// @param tokens the tokens of the prompts, a prompt counted for each text, continuation or label
    /// @param shared those of the tokens that were computed for another of these, and so were not computed again
    default void countPrompts(long tokens, long shared) {}

    /// Notes what a person should know about a row that is processed all the same.
    default void note(String note) {}
}
