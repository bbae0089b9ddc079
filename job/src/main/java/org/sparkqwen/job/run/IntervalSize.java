package org.sparkqwen.job.run;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.input.PlannedRows;

/// How many rows an interval takes.
///
/// With neither limit given it goes by time. How long a row takes differs by a factor of a million between models,
/// documents and clusters, so no number of rows or bytes suits all; ten minutes of work do.
///
/// @param rows at most; null if not given
/// @param bytes at most, of the input's files; null if not given
/// @param target seconds, where neither is given
record IntervalSize(@Nullable Long rows, @Nullable Long bytes, double target) {
    static final double TARGET_SECONDS = 600;

    /// Rows a core of the first interval.
    private static final int FIRST = 16;

    /// How much larger than the one before an interval may be: the first may have been of short rows.
    private static final int GROWTH = 8;

    static IntervalSize of(RunSettings settings) {
        return new IntervalSize(settings.checkpointRows(), settings.checkpointBytes(), TARGET_SECONDS);
    }

    /// The first row after the interval that begins at row `from`.
    ///
    /// @param total rows of the run
    /// @param done what was committed, in order
    /// @param cores of the cluster
    public long end(PlannedRows planned, long from, long total, List<Commit> done, int cores) {
        long count = rows != null ? rows : bytes != null ? total : byTime(done, cores);
        long end = from + Math.min(count, total - from);
        return bytes == null ? end : from + planned.rowsWithin(bytes, from, end);
    }

    private long byTime(List<Commit> done, int cores) {
        long least = (long) FIRST * cores;
        if (done.isEmpty()) {
            return least;
        }
        Commit last = done.getLast();
        double perSecond = last.rows() / Math.max(1e-3, last.seconds());
        return Math.max(least, (long) Math.min((double) last.rows() * GROWTH, perSecond * target));
    }
}
