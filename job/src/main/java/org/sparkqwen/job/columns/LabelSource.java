package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.failure.Refusal;

/// The source of the labels among which a row is classified.
public sealed interface LabelSource extends Serializable {
    /// Refuses an input that lacks a column, or has one of an unsuitable type.
    void checkIn(StructType input);

    /// Selects the columns that [#read] expects.
    List<Column> columns(StructType input);

    /// Reads a row's labels.
    ///
    /// @param first the index of the first of the columns
    /// @throws IllegalArgumentException with a reason for a person, if the row has no labels to choose from
    Labels read(Row row, int first);

    /// Labels that all rows have in common.
    record Fixed(Labels labels) implements LabelSource {
        @Override
        public void checkIn(StructType input) {}

        @Override
        public List<Column> columns(StructType input) {
            return List.of();
        }

        @Override
        public Labels read(Row row, int first) {
            return labels;
        }
    }

    /// A column of labels, which is an array of strings.
    record FromColumn(String name) implements LabelSource {
        @Override
        public void checkIn(StructType input) {
            StructType columns = RowProblem.without(input);
            ColumnPath path = ColumnPath.of(name, columns)
                    .orElseThrow(() -> Refusal.usage("--labels-column: the input has no column '%s'; it has %s"
                            .formatted(Quote.of(name), ContentColumn.quoted(List.of(columns.fieldNames())))));
            UnreadableColumn.refuse(input, path.names().subList(0, 1));
            DataType type = path.type();
            if (!(type instanceof ArrayType array) || !(array.elementType() instanceof StringType)) {
                throw Refusal.usage("column '%s' is %s; --labels-column takes array<string>"
                        .formatted(Quote.of(name), Quote.of(type.simpleString())));
            }
        }

        /// Selects the column as bytes, because a string from Spark would hide malformed UTF-8 behind
        /// replacement characters.
        @Override
        public List<Column> columns(StructType input) {
            return List.of(ColumnPath.of(name, input)
                    .orElseThrow()
                    .column()
                    .cast(DataTypes.createArrayType(DataTypes.BinaryType)));
        }

        @Override
        public Labels read(Row row, int first) {
            if (!(row.get(first) instanceof scala.collection.Seq<?> values)) {
                throw new IllegalArgumentException("the list of labels is null");
            }
            ContentColumn.Text text = new ContentColumn.Text(name, SpecialTokens.TEXT);
            List<String> names = new ArrayList<>();
            for (int i = 0; i < values.length(); i++) {
                if (!(text.readValue(values.apply(i)) instanceof Content.Text label)) {
                    throw new IllegalArgumentException(
                            "label %d is %s".formatted(i + 1, values.apply(i) == null ? "null" : "not valid UTF-8"));
                }
                names.add(label.text());
            }
            return new Labels(names);
        }
    }
}
