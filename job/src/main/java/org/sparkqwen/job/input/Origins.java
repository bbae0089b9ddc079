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

/// Tells of row numbers, see [PlannedRows], which row of which file they are.
public final class Origins implements Serializable {
    private static final long serialVersionUID = 1L;

    private static final StructType SCHEMA =
            new StructType().add("file", DataTypes.StringType).add("row", DataTypes.LongType);

    private final long[] firstRows;
    private final String[] files;
    private final long[] rowsBefore;

    /// Rows of a file that follow each other.
    ///
    /// @param first number in the run
    /// @param rowsBefore rows of the file before it
    public record Stretch(String file, long first, long rowsBefore) {}

    /// @param stretches in their order, each to the next one's beginning
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

    /// A struct of `file` and `row`, both null where they are not known.
    ///
    /// @param number of a row
    public Column column(Column number) {
        UDF1<@Nullable Long, Row> origin = row -> {
            Origin of = row == null ? Origin.UNKNOWN : of(row);
            return of.isKnown() ? RowFactory.create(of.file(), of.row()) : RowFactory.create(null, null);
        };
        return functions.udf(origin, SCHEMA).apply(number);
    }
}
