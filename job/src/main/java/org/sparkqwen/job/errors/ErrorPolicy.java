package org.sparkqwen.job.errors;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Refusal;

/// How rejected rows are handled, and how many of them a run tolerates.
///
/// @param onError how rejected rows are handled
/// @param maxRate the largest tolerated share of rows, 0 to 1; null if none was given
public record ErrorPolicy(OnError onError, @Nullable Double maxRate) {
    /// @throws Refusal if the rate is not between 0 and 1
    public ErrorPolicy {
        if (maxRate != null && !(maxRate >= 0 && maxRate <= 1)) {
            throw Refusal.usage("--max-error-rate must be from 0 to 1, not " + maxRate);
        }
    }

    /// How a rejected row is handled.
    public enum OnError {
        /// Keeps the row in the output, with `error` set.
        KEEP,
        /// Writes the row to the `Quarantine` instead.
        DROP,
        /// Ends the run.
        FAIL
    }

    /// The rate if none is given. A run of which most rows fail reads the wrong column, or the wrong input.
    static final double DEFAULT_RATE = 0.5;

    /// The fewest rows by which a rate is judged. Fewer rows tell nothing about the others.
    public static final int FEW_ROWS = 500;

    double rate() {
        return maxRate == null ? DEFAULT_RATE : maxRate;
    }

    /// Returns whether so many errors end the run.
    ///
    /// Tasks come upon rows in no order, and a rejected row costs no time, so the share of errors among the
    /// processed rows says little during an interval. But errors that are too many for all rows up to the
    /// interval's end will still be too many then.
    /// @param errors the errors so far
    /// @param rows the rows of the run up to the end of the interval
    /// @param last whether that is the run's end
    boolean isExceeded(long errors, long rows, boolean last) {
        if (onError == OnError.FAIL) {
            return errors > 0;
        }
        boolean judged = rows >= FEW_ROWS || (last && maxRate != null);
        return judged && errors > rate() * rows;
    }
}
