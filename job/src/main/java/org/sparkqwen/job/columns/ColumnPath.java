package org.sparkqwen.job.columns;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/// A column as a user names it: by its name, `prompt`, or as a field within a column, `body.prompt`. A column whose own
/// name has the dot takes precedence. Upper and lower case differ, unless only one column has the name in any case.
///
/// @param names the names of the column, and of the fields down to the value
/// @param type the type of the value
record ColumnPath(List<String> names, DataType type) {

    /// Finds what `name` means in an input; empty if the input has no such column or field.
    static Optional<ColumnPath> of(String name, StructType input) {
        List<ColumnPath> all = all(name, input);
        List<ColumnPath> exact = all.stream()
                .filter(path -> String.join(".", path.names()).equals(name))
                .toList();
        if (!exact.isEmpty()) {
            return Optional.of(exact.getFirst());
        }
        return all.size() == 1 ? Optional.of(all.getFirst()) : Optional.empty();
    }

    /// Finds all that a name may mean, whatever its case: columns first, and then fields within columns.
    private static List<ColumnPath> all(String name, StructType input) {
        List<ColumnPath> found = new ArrayList<>();
        for (StructField field : input.fields()) {
            if (field.name().equalsIgnoreCase(name)) {
                found.add(new ColumnPath(List.of(field.name()), field.dataType()));
            }
        }
        for (StructField field : input.fields()) {
            String outer = field.name() + ".";
            if (field.dataType() instanceof StructType inner && name.regionMatches(true, 0, outer, 0, outer.length())) {
                all(name.substring(outer.length()), inner).forEach(path -> found.add(path.within(field.name())));
            }
        }
        return found;
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
