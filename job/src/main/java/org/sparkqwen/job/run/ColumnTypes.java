package org.sparkqwen.job.run;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.types.StructType;

/// The names and types of columns, without what changes no value: comments, and whether a column may be null.
final class ColumnTypes {
    private ColumnTypes() {}

    /// Returns the name and the type of each column, such as `id bigint`.
    static List<String> of(StructType columns) {
        return Arrays.stream(columns.fields())
                .map(field -> field.name() + " " + field.dataType().catalogString())
                .toList();
    }

    /// Returns whether columns have the same names and types.
    ///
    /// @param before the columns as DDL
    /// @param now the columns as DDL
    static boolean areSame(String before, String now) {
        if (before.equals(now)) {
            return true;
        }
        try {
            return of(StructType.fromDDL(before)).equals(of(StructType.fromDDL(now)));
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            return false; // somebody edited one of them
        }
    }
}
