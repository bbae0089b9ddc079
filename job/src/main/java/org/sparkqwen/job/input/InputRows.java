package org.sparkqwen.job.input;

import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/// The rows of an input, before it is known which of its columns a job needs.
public interface InputRows {
    /// All columns; for planning. Where a reader can tell what is wrong with a row, `RowProblem` is one of them.
    Dataset<Row> all();

    /// Only these columns of [#all]. The others are not looked at, so nothing can be wrong with them.
    Dataset<Row> only(Column... columns);

    /// The rows as Spark's own reader gives them.
    static InputRows of(Dataset<Row> rows) {
        return new InputRows() {
            @Override
            public Dataset<Row> all() {
                return rows;
            }

            @Override
            public Dataset<Row> only(Column... columns) {
                return rows.select(columns);
            }
        };
    }
}
