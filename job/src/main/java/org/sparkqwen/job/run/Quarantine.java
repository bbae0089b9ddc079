package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.Origins;
import org.sparkqwen.job.spark.RowNumber;

/// The directory for rejected rows with `--on-error drop`. It has their passed columns, the error, and their origin, so
/// that they can be repaired and processed by another run.
///
/// Beside them lies a list of input files that cannot be read, of which no row is processed.
///
/// Spark's readers of the output skip this directory.
final class Quarantine {
    private static final String ORIGIN = "_spark_qwen_origin";

    private static final StructType ADDED = new StructType()
            .add("error", DataTypes.StringType)
            .add("origin_file", DataTypes.StringType)
            .add("origin_row", DataTypes.LongType);

    private Quarantine() {}

    /// Returns the quarantine's schema, without the job's own columns, for which a quarantined row has no values.
    ///
    /// @param result a schema with the passed columns first
    /// @param passed how many passed columns there are
    /// @throws Refusal if one has the name of a column that the quarantine adds
    static StructType schema(StructType result, int passed) {
        StructType schema = new StructType(Arrays.copyOf(result.fields(), passed));
        for (StructField added : ADDED.fields()) {
            if (Arrays.stream(schema.fieldNames()).anyMatch(added.name()::equalsIgnoreCase)) {
                throw Refusal.usage(("the input's column '%s' would collide with that of the rows that --on-error drop"
                                + " puts aside; leave it out with --columns, or rename it")
                        .formatted(added.name()));
            }
            schema = schema.add(added);
        }
        return schema;
    }

    /// Returns the quarantine's rows of a result. Each input row occurs once, even if several of its samples have
    /// failed.
    ///
    /// @param bad the rows of a result that have `error` set, with their numbers if they have any
    /// @param schema see [#schema]
    /// @param files how many files the rows are written to
    static Dataset<Row> rows(Dataset<Row> bad, StructType schema, Origins origins, int files) {
        boolean numbered = RowNumber.isIn(bad.schema());
        Dataset<Row> once = numbered && RowNumber.hasSamples(bad.schema()) ? firstSamples(bad) : bad;
        Column number = numbered ? col(RowNumber.COLUMN) : lit(null).cast(DataTypes.LongType);
        List<Column> columns = new ArrayList<>();
        for (String name : schema.fieldNames()) {
            columns.add(
                    switch (name) {
                        case "origin_file" -> col(ORIGIN + ".file").as(name);
                        case "origin_row" -> col(ORIGIN + ".row").as(name);
                        default -> ContentColumn.column(name);
                    });
        }
        Dataset<Row> few = once.coalesce(files);
        return (numbered ? few.sortWithinPartitions(number) : few)
                .withColumn(ORIGIN, origins.column(number))
                .select(columns.toArray(Column[]::new));
    }

    private static Dataset<Row> firstSamples(Dataset<Row> bad) {
        String rank = "_spark_qwen_rank";
        return bad.withColumn(
                        rank,
                        row_number().over(Window.partitionBy(RowNumber.COLUMN).orderBy(RowNumber.SAMPLE)))
                .filter(col(rank).equalTo(1))
                .drop(rank);
    }
}
