package org.sparkqwen.job;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/// The input columns that stand unchanged before a job's own in the output.
///
/// Strings travel through the partition engine as bytes and become strings again behind it, so that even malformed
/// UTF-8 passes unchanged.
///
/// @param fields as they are in the input
record PassedColumns(List<StructField> fields) {

    /// @param wanted names; empty for all columns of the input
    /// @throws Refusal if the input lacks one, or if one has the name of a column that the job adds
    static PassedColumns of(StructType input, List<String> wanted, StructType added) {
        Set<String> names = new LinkedHashSet<>(wanted.isEmpty() ? Arrays.asList(input.fieldNames()) : wanted);
        if (RowNumber.isIn(input)) {
            names.add(RowNumber.COLUMN);
        }
        List<StructField> fields = new ArrayList<>();
        for (String name : names) {
            if (!Arrays.asList(input.fieldNames()).contains(name)) {
                throw Refusal.usage("the input has no column '%s' to pass through; it has %s. Change --columns"
                        .formatted(name, ContentColumn.quoted(Arrays.asList(input.fieldNames()))));
            }
            if (Arrays.stream(added.fieldNames()).anyMatch(name::equalsIgnoreCase)) {
                throw Refusal.usage(
                        "the input's column '%s' would collide with the output's; leave it out with --columns, or rename it"
                                .formatted(name));
            }
            fields.add(input.apply(name));
        }
        return new PassedColumns(fields);
    }

    int count() {
        return fields.size();
    }

    /// Runs `partition`, which reads the passed columns and then those the job works on, and writes the passed
    /// columns and then those that the job adds.
    ///
    /// @param read what the job works on, in the order in which `partition` finds it
    Dataset<Row> transform(
            Dataset<Row> input, List<Column> read, StructType added, MapPartitionsFunction<Row, Row> partition) {
        Dataset<Row> travelled = prepare(input, read).mapPartitions(partition, Encoders.row(travelling(added)));
        return restore(travelled, added);
    }

    /// What the partition engine reads: the passed columns, then `read`.
    private Dataset<Row> prepare(Dataset<Row> input, List<Column> read) {
        List<Column> columns = new ArrayList<>();
        for (StructField field : fields) {
            Column column = ContentColumn.column(field.name());
            columns.add(isString(field) ? column.cast(DataTypes.BinaryType).as(field.name()) : column);
        }
        for (int i = 0; i < read.size(); i++) {
            columns.add(read.get(i).as("read_" + i));
        }
        return input.select(columns.toArray(Column[]::new));
    }

    /// The schema of what the partition engine writes: the passed columns, strings as bytes, and the job's own.
    private StructType travelling(StructType added) {
        StructType schema = new StructType();
        for (StructField field : fields) {
            schema = isString(field)
                    ? schema.add(field.name(), DataTypes.BinaryType, field.nullable(), field.metadata())
                    : schema.add(field);
        }
        return concat(schema, added);
    }

    /// Gives the passed columns their own types again.
    private Dataset<Row> restore(Dataset<Row> travelled, StructType added) {
        List<Column> columns = new ArrayList<>();
        for (StructField field : fields) {
            Column column = ContentColumn.column(field.name());
            columns.add(
                    isString(field) ? column.cast(DataTypes.StringType).as(field.name(), field.metadata()) : column);
        }
        for (String name : added.fieldNames()) {
            columns.add(ContentColumn.column(name));
        }
        return travelled.select(columns.toArray(Column[]::new));
    }

    private static boolean isString(StructField field) {
        return field.dataType().equals(DataTypes.StringType);
    }

    private static StructType concat(StructType first, StructType second) {
        StructType both = first;
        for (StructField field : second.fields()) {
            both = both.add(field);
        }
        return both;
    }
}
