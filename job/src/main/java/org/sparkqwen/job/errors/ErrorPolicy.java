package org.sparkqwen.job.errors;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Refusal;

/// What becomes of rows that cannot be worked on, and how many of them a run bears.
///
/// @param onError what becomes of them
/// @param maxRate the share of rows, 0 to 1; null if none was asked for
public record ErrorPolicy(OnError onError, @Nullable Double maxRate) {
    /// @throws Refusal if the rate is no share
    public ErrorPolicy {
        if (maxRate != null && !(maxRate >= 0 && maxRate <= 1)) {
            throw Refusal.usage("--max-error-rate must be from 0 to 1, not " + maxRate);
        }
    }

    /// What becomes of a row that cannot be worked on.
    public enum OnError {
        /// It is in the output, with `error` set.
        KEEP,
        /// It is in the `Quarantine` instead.
        DROP,
        /// It ends the run.
        FAIL
    }

    /// Where none was asked for: a run of which most rows fail reads the wrong column, or the wrong input.
    static final double DEFAULT_RATE = 0.5;

    /// Fewer rows tell nothing about the others.
    public static final int FEW_ROWS = 500;

    double rate() {
        return maxRate == null ? DEFAULT_RATE : maxRate;
    }

    /// Whether so many errors end the run.
    ///
    /// Tasks come upon rows in no order, and an error costs no time, so the share of errors among the rows that
    /// are done says little while an interval is at work. But errors that are too many for all rows up to its end
    /// will be too many then.
    ///
    /// @param errors so far
    /// @param rows of the run up to the end of the interval
    /// @param last whether that is the run's end
    boolean isExceeded(long errors, long rows, boolean last) {
        if (onError == OnError.FAIL) {
            return errors > 0;
        }
        boolean judged = rows >= FEW_ROWS || (last && maxRate != null);
        return judged && errors > rate() * rows;
    }
}
