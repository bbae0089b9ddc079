package org.sparkqwen.job.spark;

import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import scala.Function1;

/// A row in Spark's own form, in which every value passes unchanged: dates of every century, malformed strings at any
/// depth, the order of a map's entries, intervals, variants. A Java object cannot hold all of them.
public final class SparkRow {
    private final InternalRow row;

    SparkRow(InternalRow row) {
        this.row = row;
    }

    InternalRow internal() {
        return row;
    }

    /// Makes a row of values in Spark's own form, among which rows may be.
    public static SparkRow of(@Nullable Object... values) {
        @Nullable Object[] internal = values.clone();
        for (int i = 0; i < internal.length; i++) {
            if (internal[i] instanceof SparkRow nested) {
                internal[i] = nested.row;
            }
        }
        return new SparkRow(new GenericInternalRow(internal));
    }

    /// Makes a row of null values.
    public static SparkRow ofNulls(int columns) {
        return new SparkRow(new GenericInternalRow(columns));
    }

    /// Returns a copy that stays as it is. Spark's iterators return one row again and again, with other values.
    public SparkRow copy() {
        return new SparkRow(row.copy());
    }

    public long getLong(int column) {
        return row.getLong(column);
    }

    /// Returns the bytes of a string as they were read, whether or not they are UTF-8.
    public byte[] bytes(int column) {
        return row.getUTF8String(column).getBytes();
    }

    /// Returns a value in Spark's own form.
    public @Nullable Object get(int column, DataType type) {
        return row.get(column, type);
    }

    /// @param columns the number of the struct's columns
    public SparkRow struct(int column, int columns) {
        return new SparkRow(row.getStruct(column, columns));
    }

    /// Appends a value in Spark's own form.
    SparkRow with(Object value) {
        return new SparkRow(new JoinedRow(row, new GenericInternalRow(new Object[] {value})));
    }

    /// Returns a function that converts rows to those of Spark's public API.
    public static Function<SparkRow, Row> toJava(StructType type) {
        Function1<Object, Object> convert = CatalystTypeConverters.createToScalaConverter(type);
        return row -> (Row) convert.apply(row.row);
    }

    /// Returns a function that converts rows of Spark's public API.
    public static Function<Row, SparkRow> fromJava(StructType type) {
        Function1<Object, Object> convert = CatalystTypeConverters.createToCatalystConverter(type);
        return row -> new SparkRow((InternalRow) convert.apply(row));
    }
}
