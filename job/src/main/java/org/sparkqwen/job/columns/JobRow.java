package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.jspecify.annotations.Nullable;

/// An input row on its way through a job.
///
/// @param passed the columns that pass through, in Spark's own form
/// @param read the columns that the job reads
/// @param number the row's number in the run's plan, or `RowNumber.NONE`
public record JobRow(InternalRow passed, Row read, long number) {

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
