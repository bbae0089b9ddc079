package org.sparkqwen.job;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.PassedColumns;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.spark.Iterators;
import org.sparkqwen.job.spark.RowNumber;

/// What the jobs have in common: the input's rows become outcomes, and an outcome becomes a row of the passed
/// columns and the job's own.
///
/// @param <R> the type of the job's results
/// @param columns the columns that the job adds
/// @param passed the names of the columns that pass through; empty for all
record JobSkeleton<R>(List<OutputColumn<R>> columns, List<String> passed) {
    JobSkeleton {
        columns = List.copyOf(columns);
    }

    /// Makes outcomes from the rows of a partition, on an executor.
    interface Outcomes<R> extends Serializable {
        Iterator<Outcome<R>> of(Iterator<JobRow> rows);
    }

    /// Returns the output rows. Lazy, like any transformation.
    ///
    /// @param read the columns that the job reads, in the order in which `outcomes` finds them
    Dataset<Row> apply(Dataset<Row> input, List<Column> read, Outcomes<R> outcomes) {
        StructType added = OutputColumn.schema(columns);
        return PassedColumns.of(RowProblem.without(input.schema()), passed, added)
                .transform(input, RowProblem.behind(read, input.schema()), added, new Partition<>(columns, outcomes));
    }

    /// Returns the job's own columns alone, with the rows' numbers where the input has them. Lazy.
    ///
    /// @param read the columns that the job reads, in the order in which `outcomes` finds them
    Dataset<Row> applyAlone(Dataset<Row> input, List<Column> read, Outcomes<R> outcomes) {
        StructType added = OutputColumn.schema(columns);
        List<StructField> number =
                RowNumber.isIn(input.schema()) ? List.of(input.schema().apply(RowNumber.COLUMN)) : List.of();
        return new PassedColumns(number)
                .transform(input, RowProblem.behind(read, input.schema()), added, new Partition<>(columns, outcomes));
    }

    /// The function that executors run on each partition.
    private record Partition<R>(List<OutputColumn<R>> columns, Outcomes<R> outcomes) implements JobRow.Partition {
        @Override
        public Iterator<JobRow.Made> call(Iterator<JobRow> rows) {
            return Iterators.map(
                    outcomes.of(rows),
                    outcome -> new JobRow.Made(outcome.row(), OutputColumn.values(columns, outcome)));
        }
    }
}
