package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.abs;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min_by;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.substring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.columns.ContentColumn;

/// A row that the report shows as an example.
///
/// @param rank what the row is an example of, such as `median`
/// @param value the quantity by which it was chosen
/// @param labels the beginnings of its other columns of strings, such as an id
/// @param text the beginning of its text; empty if the output does not have it
record Example(String rank, double value, String labels, String text) {
    /// The most characters of a text that a page shows.
    static final int LONGEST_TEXT = 400;

    private static final int LONGEST_LABEL = 60;
    private static final int MOST_LABELS = 4;

    /// Says which columns of an output an example shows.
    ///
    /// @param text the texts; null if the output has none
    /// @param labels columns of strings that say which row it is
    record Columns(@Nullable Column text, List<String> labels) {
        /// Chooses the columns of an example.
        ///
        /// @param passed the columns of the output that its job did not add
        /// @param all the columns of the output
        /// @param text the column of texts, or the path of a field, if the output has it; null for none
        static Columns of(List<StructField> passed, StructType all, @Nullable String text) {
            List<String> labels = passed.stream()
                    .filter(field -> field.dataType() instanceof StringType)
                    .map(StructField::name)
                    .filter(name -> !name.equals(text))
                    .limit(MOST_LABELS)
                    .toList();
            return new Columns(
                    text == null ? null : ContentColumn.named(text, all).orElse(null), labels);
        }

        private Column select(Column value) {
            Column[] beginnings = labels.stream()
                    .map(label -> substring(ContentColumn.column(label), 1, LONGEST_LABEL))
                    .toArray(Column[]::new);
            Column shown = text == null ? lit("") : substring(text.cast("string"), 1, LONGEST_TEXT + 1);
            return struct(
                    value.cast("double").as("value"),
                    concat_ws(" · ", beginnings).as("labels"),
                    coalesce(shown, lit("")).as("text"));
        }
    }

    /// Finds the rows whose values are nearest to the percentiles of a column, in one pass.
    static List<Example> atPercentiles(Dataset<Row> rows, String column, Quantiles quantiles, Columns columns) {
        Column[] nearest = quantiles.values().stream()
                .map(value ->
                        min_by(columns.select(col(column)), abs(col(column).minus(value))))
                .toArray(Column[]::new);
        if (nearest.length == 0) {
            return List.of();
        }
        Row found = rows.filter(col(column).isNotNull())
                .agg(nearest[0], Arrays.copyOfRange(nearest, 1, nearest.length))
                .first();
        List<String> names = Quantiles.names().toList();
        return IntStream.range(0, nearest.length)
                .mapToObj(i -> read(names.get(i), found.getStruct(i)))
                .toList();
    }

    /// Finds the rows with the greatest values of a column.
    static List<Example> greatest(Dataset<Row> rows, String column, int most, Columns columns) {
        return first(rows.filter(col(column).isNotNull()).sort(col(column).desc()), col(column), most, columns);
    }

    /// Returns the first rows.
    ///
    /// @param value what is shown beside each
    static List<Example> first(Dataset<Row> rows, Column value, int most, Columns columns) {
        List<Example> examples = new ArrayList<>();
        rows.limit(most)
                .select(columns.select(value).as("example"))
                .collectAsList()
                .forEach(row -> examples.add(read("%d.".formatted(examples.size() + 1), row.getStruct(0))));
        return examples;
    }

    private static Example read(String rank, Row row) {
        return new Example(rank, row.getAs("value"), row.getAs("labels"), row.getAs("text"));
    }
}
