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
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/// The column that carries a row's number in `PlannedRows` through a job, so that the output has the order of the
/// input, whichever executor was done first, and so that a row can be told where it came from.
public final class RowNumber {
    /// The column of a sample's number, where a row of the input has several rows in the result.
    public static final String SAMPLE = "sample";

    public static final String COLUMN = "_spark_qwen_row";

    /// The number of a row that has none, because nobody asked for an order.
    public static final long NONE = -1;

    private RowNumber() {}

    public static boolean isIn(StructType schema) {
        return Arrays.asList(schema.fieldNames()).contains(COLUMN);
    }

    public static StructType addTo(StructType schema) {
        return schema.add(COLUMN, DataTypes.LongType, false);
    }

    /// Whether a row of a result may be one of several samples.
    public static boolean hasSamples(StructType result) {
        return Arrays.stream(result.fields())
                .anyMatch(
                        field -> field.name().equals(SAMPLE) && field.dataType().equals(DataTypes.IntegerType));
    }

    /// Rows with their numbers behind their other columns.
    ///
    /// @param first number of the first
    public static Iterator<InternalRow> append(Iterator<InternalRow> rows, long first) {
        AtomicLong next = new AtomicLong(first);
        return InternalRows.append(rows, _ -> next.getAndIncrement());
    }

    /// Rows `from` to `to` in `partitions` about equal parts, whose order is theirs.
    public static Dataset<Row> inParts(Dataset<Row> rows, long from, long to, int partitions) {
        Column part = col(COLUMN)
                .minus(from)
                .multiply(partitions)
                .divide(Math.max(1, to - from))
                .cast(DataTypes.IntegerType);
        return rows.repartitionById(partitions, part);
    }

    /// The rows of each part in their order, without their numbers.
    public static Dataset<Row> order(Dataset<Row> parts) {
        List<Column> order = new ArrayList<>(List.of(col(COLUMN)));
        if (hasSamples(parts.schema())) {
            order.add(col(SAMPLE));
        }
        return parts.sortWithinPartitions(order.toArray(Column[]::new)).drop(COLUMN);
    }
}
