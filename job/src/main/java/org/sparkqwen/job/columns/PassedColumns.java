package org.sparkqwen.job.columns;

import static org.apache.spark.sql.functions.struct;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.InternalRows;
import org.sparkqwen.job.spark.Iterators;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.spark.SparkRow;

/// The passed columns: input columns that come unchanged before a job's own columns in the output.
///
/// They never leave Spark's own form, see [SparkRow], so values of every type pass unchanged.
///
/// @param fields the columns as they are in the input
public record PassedColumns(List<StructField> fields) {
    private static final String PASSED = "passed";
    private static final String ADDED = "added";

    /// Finds the columns that pass.
    ///
    /// @param wanted the columns' names; empty for all columns of the input
    /// @throws Refusal if the input lacks one, or if one has the name of a column that the job adds
    public static PassedColumns of(StructType input, List<String> wanted, StructType added) {
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

    /// Runs `partition` over the input. The columns that it makes of a row come after the row's passed columns.
    ///
    /// @param read what the job reads, in the order in which `partition` finds it
    public Dataset<Row> transform(Dataset<Row> input, List<Column> read, StructType added, JobRow.Partition partition) {
        List<Column> passing = new ArrayList<>();
        fields.forEach(field -> passing.add(ContentColumn.column(field.name())));
        List<Column> worked = new ArrayList<>();
        for (int i = 0; i < read.size(); i++) {
            worked.add(read.get(i).as("read_" + i));
        }
        Dataset<Row> rows = input.select(struct(
                        struct(passing.toArray(Column[]::new)).as(PASSED),
                        struct(worked.toArray(Column[]::new)).as("read"))
                .as("row"));
        StructType passed = new StructType(fields.toArray(StructField[]::new));
        StructType readSchema =
                (StructType) ((StructType) rows.schema().apply("row").dataType())
                        .apply("read")
                        .dataType();
        StructType output = new StructType().add(PASSED, passed, false).add(ADDED, added, false);
        Dataset<Row> results = InternalRows.mapStructs(rows, output, new Passing(passed, readSchema, added, partition));
        return results.select(columns(results.col(results.columns()[0]), added));
    }

    /// Selects the passed columns and those that the job adds, side by side.
    private Column[] columns(Column result, StructType added) {
        List<Column> columns = new ArrayList<>();
        for (StructField field : fields) {
            columns.add(result.getField(PASSED).getField(field.name()).as(field.name(), field.metadata()));
        }
        for (String name : added.fieldNames()) {
            columns.add(result.getField(ADDED).getField(name).as(name));
        }
        return columns.toArray(Column[]::new);
    }

    /// Gives `partition` the columns that it reads as Java objects, and leaves the passed columns in Spark's own
    /// form.
    private record Passing(StructType passed, StructType read, StructType added, JobRow.Partition partition)
            implements InternalRows.Structs {

        @Override
        public Iterator<SparkRow> call(Iterator<SparkRow> rows) {
            int number = RowNumber.isIn(passed) ? passed.fieldIndex(RowNumber.COLUMN) : -1;
            Function<SparkRow, Row> toJava = SparkRow.toJava(read);
            Function<Row, SparkRow> toSpark = SparkRow.fromJava(added);
            Iterator<JobRow.Made> made = partition.call(Iterators.map(rows, row -> {
                SparkRow passing = row.struct(0, passed.size());
                return new JobRow(
                        passing,
                        toJava.apply(row.struct(1, read.size())),
                        number < 0 ? RowNumber.NONE : passing.getLong(number));
            }));
            return Iterators.map(
                    made, row -> SparkRow.of(row.row().passed(), toSpark.apply(RowFactory.create(row.columns()))));
        }
    }
}
