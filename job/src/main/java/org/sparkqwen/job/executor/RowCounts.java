package org.sparkqwen.job.executor;

import java.util.concurrent.atomic.LongAdder;

/// Rows that the tasks of this JVM have worked on, those of failed tasks included.
public final class RowCounts {
    private static final LongAdder ROWS = new LongAdder();
    private static final LongAdder ERRORS = new LongAdder();

    private RowCounts() {}

    /// @param row whether a row is done with the result
    /// @param error whether the result has one
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
