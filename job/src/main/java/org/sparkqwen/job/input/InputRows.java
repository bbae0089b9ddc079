package org.sparkqwen.job.input;

import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/// The rows of an input, before it is known which columns a job needs.
public interface InputRows {
    /// Returns all columns, for planning. `RowProblem` is one of them if the reader can tell what is wrong with a
    /// row.
    Dataset<Row> all();

    /// Returns only these columns of [#all]. The others are not read, so nothing can be wrong with them.
    Dataset<Row> only(Column... columns);

    /// Returns the rows as Spark's own reader gives them.
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
