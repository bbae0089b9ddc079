package org.sparkqwen.job.run;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.input.PlannedRows;

/// The number of rows of an interval.
///
/// If neither limit is given, it depends on the time. The time of a row differs by a factor of a million between
/// models, documents and clusters, so no number of rows or bytes suits all; ten minutes of work do.
///
/// @param rows the most rows; null if not given
/// @param bytes the most bytes of the input's files; null if not given
/// @param target the time of an interval in seconds, if neither limit is given
public record IntervalSize(@Nullable Long rows, @Nullable Long bytes, double target) {
    static final double TARGET_SECONDS = 600;

    /// The rows of the first interval, for each core.
    private static final int FIRST = 16;

    /// The most that an interval may grow over the one before, which may have had short rows.
    private static final int GROWTH = 8;

    static IntervalSize of(RunSettings settings) {
        return new IntervalSize(
                settings.intervals().rows(), settings.intervals().bytes(), TARGET_SECONDS);
    }

    /// Returns the first row after the interval that begins at row `from`.
    ///
    /// @param total how many rows the run has
    /// @param done the commits so far, in order
    /// @param cores the cores of the cluster
    long end(PlannedRows planned, long from, long total, List<Commit> done, int cores) {
        long count = rows != null ? rows : bytes != null ? total : byTime(done, cores);
        long end = from + Math.min(count, total - from);
        return bytes == null ? end : from + planned.rowsWithin(bytes, from, end);
    }

    private long byTime(List<Commit> done, int cores) {
        return done.isEmpty()
                ? byTime(0, 0, target, cores)
                : byTime(done.getLast().rows(), done.getLast().seconds(), target, cores);
    }

    /// Returns the rows of an interval that goes by the time of the one before.
    ///
    /// @param rows the rows of the interval before; 0 for the first one
    /// @param seconds how long it took
    /// @param cores the cores of the cluster
    public static long byTime(long rows, double seconds, int cores) {
        return byTime(rows, seconds, TARGET_SECONDS, cores);
    }

    private static long byTime(long rows, double seconds, double target, int cores) {
        long least = (long) FIRST * cores;
        double perSecond = rows / Math.max(1e-3, seconds);
        return Math.max(least, (long) Math.min((double) rows * GROWTH, perSecond * target));
    }
}
