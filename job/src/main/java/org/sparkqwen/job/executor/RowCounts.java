package org.sparkqwen.job.executor;

import java.util.concurrent.atomic.LongAdder;

/// Counts the rows that the tasks of this JVM have processed, including those of failed tasks.
public final class RowCounts {
    private static final LongAdder ROWS = new LongAdder();
    private static final LongAdder ERRORS = new LongAdder();

    private RowCounts() {}

    /// @param row whether the result completes a row
    /// @param error whether the result has an error
    public static void count(boolean row, boolean error) {
        if (row) {
            ROWS.increment();
        }
        if (error) {
            ERRORS.increment();
        }
    }

    public static long rows() {
        return ROWS.sum();
    }

    public static long errors() {
        return ERRORS.sum();
    }
}
