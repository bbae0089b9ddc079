package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.jspecify.annotations.Nullable;

/// An input row on its way through a job.
///
/// @param passed the columns that pass through, in Spark's own form
/// @param read the columns that the job works on
/// @param number where the row is in the run's plan, or `RowNumber.NONE`
public record JobRow(InternalRow passed, Row read, long number) {

    /// What a job makes of the rows of a partition.
    public interface Partition extends Serializable {
        Iterator<Made> call(Iterator<JobRow> rows);
    }

    /// An output row.
    ///
    /// @param row the input row that it is made of
    /// @param columns a value for each column that the job adds
    public record Made(JobRow row, @Nullable Object[] columns) {}
}
