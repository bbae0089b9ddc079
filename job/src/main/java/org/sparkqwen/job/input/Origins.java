package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Origin;

/// Finds the file and the row in it for row numbers, see [PlannedRows].
public final class Origins implements Serializable {
    private static final long serialVersionUID = 1L;

    private static final StructType SCHEMA =
            new StructType().add("file", DataTypes.StringType).add("row", DataTypes.LongType);

    private final long[] firstRows;
    private final String[] files;
    private final long[] rowsBefore;

    /// Consecutive rows of a file.
    ///
    /// @param first the number of the first of them in the run
    /// @param rowsBefore how many rows of the file come before it
    public record Stretch(String file, long first, long rowsBefore) {}

    /// @param stretches the stretches in order; each ends where the next one begins
    public Origins(List<Stretch> stretches) {
        firstRows = stretches.stream().mapToLong(Stretch::first).toArray();
        files = stretches.stream().map(Stretch::file).toArray(String[]::new);
        rowsBefore = stretches.stream().mapToLong(Stretch::rowsBefore).toArray();
    }

    public Origin of(long row) {
        int found = Arrays.binarySearch(firstRows, row);
        int stretch = found >= 0 ? found : -found - 2;
        return row < 0 || stretch < 0 || files[stretch].isEmpty()
                ? Origin.UNKNOWN
                : new Origin(files[stretch], rowsBefore[stretch] + row - firstRows[stretch]);
    }

    /// Returns a struct of `file` and `row`, both null where they are not known.
    ///
    /// @param number the number of a row
    public Column column(Column number) {
        UDF1<@Nullable Long, Row> origin = row -> {
            Origin of = row == null ? Origin.UNKNOWN : of(row);
            return of.isKnown() ? RowFactory.create(of.file(), of.row()) : RowFactory.create(null, null);
        };
        return functions.udf(origin, SCHEMA).apply(number);
    }
}
