package org.sparkqwen.job.columns;

import static org.apache.spark.sql.functions.hex;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.VariantType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Refusal;

/// The input column by whose values rows are grouped. Null is a group like others.
///
/// A group is known by its key: the bytes of the value as a string, in hexadecimal digits. So strings that are not
/// UTF-8 stay apart, which a Java string would not tell.
///
/// @param name the name as the user says it: of a column, or the path of a field within one
public record GroupColumn(String name) {
    /// Refuses an input without this column, or with one whose values are not plain.
    ///
    /// @param option the option that names the column
    /// @throws RuntimeException with one line for a person
    public void checkIn(StructType schema, String option) {
        StructType columns = RowProblem.without(schema);
        ColumnPath path = ColumnPath.of(name, columns)
                .orElseThrow(() -> Refusal.usage("%s: the input has no column '%s'; it has %s"
                        .formatted(option, Quote.of(name), ContentColumn.quoted(List.of(columns.fieldNames())))));
        UnreadableColumn.refuse(schema, path.names().subList(0, 1));
        if (!isPlain(path.type())) {
            throw Refusal.usage("%s: column '%s' is %s; take one of strings, numbers, booleans or dates"
                    .formatted(option, Quote.of(name), Quote.of(path.type().simpleString())));
        }
    }

    private static boolean isPlain(DataType type) {
        return !(type instanceof ArrayType
                || type instanceof MapType
                || type instanceof StructType
                || type instanceof BinaryType
                || type instanceof VariantType);
    }

    /// Selects the key of each row's group, a string; null where the value is null.
    public Column key(StructType input) {
        return hex(ColumnPath.checked(name, input).column().cast(DataTypes.StringType));
    }

    /// Returns the value that a key stands for, for a person.
    public static @Nullable String value(@Nullable String key) {
        return key == null ? null : new String(HexFormat.of().parseHex(key), StandardCharsets.UTF_8);
    }
}
