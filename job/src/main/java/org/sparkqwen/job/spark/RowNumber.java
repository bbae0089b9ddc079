package org.sparkqwen.job.spark;

import static org.apache.spark.sql.functions.col;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/// The column that carries a row's number in `PlannedRows` through a job. With it the output has the order of the
/// input, whichever executor finishes first, and a row's origin can be found.
public final class RowNumber {
    /// The column with the number of a sample, where an input row has several rows in the result.
    public static final String SAMPLE = "sample";

    /// The beginning of the names of columns that are added to an input on its way through a job, and are no
    /// person's.
    public static final String ADDED = "_spark_qwen_";

    public static final String COLUMN = ADDED + "row";

    /// The number of rows without one, because nobody asked for an order.
    public static final long NONE = -1;

    private RowNumber() {}

    public static boolean isIn(StructType schema) {
        return Arrays.asList(schema.fieldNames()).contains(COLUMN);
    }

    public static StructType addTo(StructType schema) {
        return schema.add(COLUMN, DataTypes.LongType, false);
    }

    /// Returns whether a row of a result may be one of several samples.
    public static boolean hasSamples(StructType result) {
        return Arrays.stream(result.fields())
                .anyMatch(
                        field -> field.name().equals(SAMPLE) && field.dataType().equals(DataTypes.IntegerType));
    }

    /// Appends numbers to rows, after their other columns.
    ///
    /// @param first the number of the first row
    public static Iterator<SparkRow> append(Iterator<SparkRow> rows, long first) {
        AtomicLong next = new AtomicLong(first);
        return InternalRows.append(rows, _ -> next.getAndIncrement());
    }

    /// Divides the rows `from` to `to` into `partitions` parts of about equal size, in the rows' order.
    public static Dataset<Row> inParts(Dataset<Row> rows, long from, long to, int partitions) {
        Column part = col(COLUMN)
                .minus(from)
                .multiply(partitions)
                .divide(Math.max(1, to - from))
                .cast(DataTypes.IntegerType);
        return rows.repartitionById(partitions, part);
    }

    /// Sorts the rows of each part by their numbers, and removes the numbers.
    public static Dataset<Row> order(Dataset<Row> parts) {
        List<Column> order = new ArrayList<>(List.of(col(COLUMN)));
        if (hasSamples(parts.schema())) {
            order.add(col(SAMPLE));
        }
        return parts.sortWithinPartitions(order.toArray(Column[]::new)).drop(COLUMN);
    }
}
