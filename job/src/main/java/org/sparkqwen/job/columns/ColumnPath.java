package org.sparkqwen.job.columns;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/// A column as a user names it: by its name, `prompt`, or as a field within a column, `body.prompt`. A column whose own
/// name has the dot takes precedence.
///
/// @param names the names of the column, and of the fields down to the value
/// @param type the type of the value
record ColumnPath(List<String> names, DataType type) {

    /// Finds what `name` means in an input; empty if the input has no such column or field.
    static Optional<ColumnPath> of(String name, StructType input) {
        for (StructField field : input.fields()) {
            if (field.name().equals(name)) {
                return Optional.of(new ColumnPath(List.of(name), field.dataType()));
            }
        }
        for (StructField field : input.fields()) {
            if (field.dataType() instanceof StructType inner && name.startsWith(field.name() + ".")) {
                Optional<ColumnPath> found = of(name.substring(field.name().length() + 1), inner);
                if (found.isPresent()) {
                    return Optional.of(found.get().within(field.name()));
                }
            }
        }
        return Optional.empty();
    }

    /// Finds what `name` means in an input that was checked to have it.
    static ColumnPath checked(String name, StructType input) {
        return of(name, input).orElseThrow();
    }

    private ColumnPath within(String outer) {
        List<String> path = new ArrayList<>(List.of(outer));
        path.addAll(names);
        return new ColumnPath(path, type);
    }

    Column column() {
        Column column = ContentColumn.column(names.getFirst());
        for (String field : names.subList(1, names.size())) {
            column = column.getField(field);
        }
        return column;
    }
}
