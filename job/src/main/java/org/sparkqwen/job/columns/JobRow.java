package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.spark.SparkRow;

/// An input row on its way through a job. It carries the columns that pass through, which a job does not look at.
public final class JobRow {
    private final SparkRow passed;
    private final Row read;
    private final long number;

    JobRow(SparkRow passed, Row read, long number) {
        this.passed = passed;
        this.read = read;
        this.number = number;
    }

    SparkRow passed() {
        return passed;
    }

    /// Returns the columns that the job reads.
    public Row read() {
        return read;
    }

    /// Returns the row's number in the run's plan, or `RowNumber.NONE`.
    public long number() {
        return number;
    }

    /// The function that makes a job's results from the rows of a partition.
    public interface Partition extends Serializable {
        Iterator<Made> call(Iterator<JobRow> rows);
    }

    /// An output row.
    ///
    /// @param row the input row from which it is made
    /// @param columns a value for each column that the job adds
    public record Made(JobRow row, @Nullable Object[] columns) {}
}
