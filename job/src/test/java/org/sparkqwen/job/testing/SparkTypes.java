package org.sparkqwen.job.testing;

import static org.apache.spark.sql.functions.expr;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.columns.ContentColumn;

/// Every type of Spark's columns, with values that Java's types for them, or a format, may be unable to hold.
public enum SparkTypes {
    BOOLEAN("true", "false"),
    BYTE("-128Y", "127Y"),
    SHORT("-32768S", "32767S"),
    INT("-2147483648", "2147483647"),
    LONG("-9223372036854775808L", "9223372036854775807L"),
    FLOAT("float('NaN')", "float('-0.0')", "float('1e-45')", "float('-infinity')"),
    DOUBLE("double('NaN')", "double('-0.0')", "4.9e-324D", "double('infinity')"),
    DECIMAL("cast(12345678901234567890.12345678 as decimal(38,8))", "cast(-0.00000001 as decimal(38,8))"),
    SMALL_DECIMAL("cast(1.10 as decimal(5,2))", "cast(-999.99 as decimal(5,2))"),
    STRING("'plain'", "''", "'a\u0000b'", "'\uD83D\uDC4D'"),
    MALFORMED_STRING("cast(X'6869EDA080FF' as string)"),
    COLLATED_STRING("'abc' collate UNICODE_CI", "'' collate UNICODE_CI"),
    BINARY("X'00FF80'", "X''"),
    DATE("date'0001-01-01'", "date'1582-10-04'", "date'1582-10-15'", "date'1969-12-31'", "date'9999-12-31'"),
    FAR_DATE("date_add(date'0001-01-01', -300000)", "date_add(date'9999-12-31', 3000000)"),
    /// Ten days that the calendar of java.sql.Date leaves out.
    DATE_OF_THE_CHANGE("date'1582-10-05'", "date'1582-10-10'"),
    TIMESTAMP(
            "timestamp'0001-01-01 00:00:00 UTC'",
            "timestamp'1883-11-18 12:03:57 UTC'",
            "timestamp'2024-02-29 23:59:59.123456 UTC'",
            "timestamp'9999-12-31 23:59:59.999999 UTC'"),
    EARLY_TIMESTAMP("timestamp'1582-10-10 12:34:56.789012 UTC'", "timestamp'1969-12-31 23:59:59.999999 UTC'"),
    TIMESTAMP_NTZ(
            "timestamp_ntz'0001-01-01 00:00:00.000001'",
            "timestamp_ntz'1582-10-10 12:34:56.789012'",
            "timestamp_ntz'2024-03-31 02:30:00.5'",
            "timestamp_ntz'9999-12-31 23:59:59.999999'"),
    TIME("time'00:00:00'", "time'23:59:59.999999'"),
    YEAR_MONTH("interval '-178956970-8' year to month", "interval '1-11' year to month"),
    DAY_TIME("interval '106751991 04:00:54.775807' day to second", "interval '-0 00:00:00.000001' day to second"),
    INTERVAL("make_interval(-1, 2, 3, 4, -5, 6, 7.000008)", "make_interval()"),
    VARIANT("parse_json('{\"b\": [1, 2.5], \"a\": \"x\"}')", "parse_json('12345678901234567890123')"),
    ODD_VARIANT("parse_json('2.50')", "parse_json('null')", "to_variant_object(array(date'1582-10-10'))"),
    VOID("null");

    @SuppressWarnings("ImmutableEnumChecker") // nobody writes to it
    private final List<String> values;

    SparkTypes(String... values) {
        this.values = List.of(values);
    }

    /// Returns rows of a text and, for each type, columns of its values: alone, in arrays, in structs, in maps, and
    /// deeper. The last row has nulls.
    public static Dataset<Row> rows(List<SparkTypes> types) {
        int most = types.stream().mapToInt(type -> type.values.size()).max().orElseThrow();
        Dataset<Row> rows = LocalSpark.session().range(0).select(columns(types, 0));
        for (int i = 0; i <= most; i++) {
            rows = rows.union(LocalSpark.session().range(1).select(columns(types, i)));
        }
        return rows;
    }

    private static Column[] columns(List<SparkTypes> types, int row) {
        List<Column> columns = new ArrayList<>(List.of(expr("'Some text.' as text")));
        for (SparkTypes type : types) {
            String value = row < type.values.size() ? type.values.get(row) : "null";
            String name = type.name().toLowerCase(Locale.ROOT);
            columns.add(expr(value).as(name));
            columns.add(expr("array(%s, null)".formatted(value)).as(name + "_array"));
            columns.add(expr("named_struct('inner', %s, 'other', 1)".formatted(value))
                    .as(name + "_struct"));
            columns.add(expr("map('a', null, 'm', %s)".formatted(value)).as(name + "_map"));
            columns.add(expr("array(map('k', array(named_struct('deep', %s))))".formatted(value))
                    .as(name + "_deep"));
        }
        return columns.toArray(Column[]::new);
    }

    /// Returns rows in Spark's own form, in order. Equal bytes are equal values, whatever their type.
    public static List<String> bytes(Dataset<Row> rows) {
        return bytes(collect(rows), rows.schema());
    }

    private static List<String> bytes(List<InternalRow> rows, StructType schema) {
        UnsafeProjection projection = UnsafeProjection.create(schema);
        return rows.stream()
                .map(row -> Arrays.toString(projection.apply(row).getBytes()))
                .toList();
    }

    private static List<InternalRow> collect(Dataset<Row> rows) {
        return List.of(rows.queryExecution().executedPlan().executeCollect());
    }

    /// Returns the columns of `before` that are different in `after`.
    public static List<String> changed(Dataset<Row> before, Dataset<Row> after) {
        List<InternalRow> rowsBefore = collect(before);
        List<InternalRow> rowsAfter = collect(after.select(
                Arrays.stream(before.columns()).map(ContentColumn::column).toArray(Column[]::new)));
        List<String> changed = new ArrayList<>();
        for (int i = 0; i < before.columns().length; i++) {
            StructField field = before.schema().apply(i);
            if (!column(rowsBefore, i, field).equals(column(rowsAfter, i, field))) {
                changed.add(field.name());
            }
        }
        return changed;
    }

    private static List<String> column(List<InternalRow> rows, int i, StructField field) {
        List<InternalRow> values = rows.stream()
                .map(row -> (InternalRow)
                        new GenericInternalRow(new Object[] {row.isNullAt(i) ? null : row.get(i, field.dataType())}))
                .toList();
        return bytes(values, new StructType().add(field.name(), field.dataType()));
    }
}
