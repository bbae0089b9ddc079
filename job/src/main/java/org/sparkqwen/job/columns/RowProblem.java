package org.sparkqwen.job.columns;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.job.spark.RowNumber;

/// The column that says why a record of the input could not be read unchanged, such as a line that is not JSON. It
/// travels with the row to the job, which makes it the row's error. It is never passed to the output.
public final class RowProblem {
    static final String COLUMN = RowNumber.ADDED + "problem";

    private RowProblem() {}

    /// Returns a schema with this column after the others.
    public static StructType addTo(StructType schema) {
        return schema.add(COLUMN, DataTypes.StringType, true);
    }

    /// Removes this column from a schema, which leaves the columns that a person knows of.
    public static StructType without(StructType schema) {
        return new StructType(Arrays.stream(schema.fields())
                .filter(field -> !field.name().equals(COLUMN))
                .toArray(StructField[]::new));
    }

    /// Adds the column of problems after the columns that a job reads. It is null if nothing is wrong with the row,
    /// or if the reader cannot tell.
    public static List<Column> behind(List<Column> read, StructType input) {
        List<Column> columns = new ArrayList<>(read);
        boolean known = Arrays.asList(input.fieldNames()).contains(COLUMN);
        columns.add(known ? functions.col(COLUMN) : functions.lit(null).cast(DataTypes.StringType));
        return columns;
    }

    /// Returns a row's content, unless the row has a problem.
    ///
    /// @param row a row whose last column is the one that [#behind] added
    public static Content or(Row row, Supplier<Content> content) {
        int last = row.size() - 1;
        return row.isNullAt(last) ? content.get() : new Content.Unreadable(row.getString(last));
    }
}
