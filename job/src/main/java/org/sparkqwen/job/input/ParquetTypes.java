package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.sparkqwen.job.spark.ParquetSchemas;

/// The types of columns as a Parquet file has them. Spark takes the types of one file for all files, and notices
/// differences when it reads rows.
///
/// @param expected the columns that are read
record ParquetTypes(StructType expected, ParquetSchemas reading, SerializableConfiguration hadoop)
        implements Serializable {

    /// Returns whether a file has a column of another type than is expected. Spark may be able to read it all the
    /// same.
    boolean differ(String path) {
        try {
            StructType found = reading.converter().apply(ParquetFooter.schema(path, hadoop.value()));
            Map<String, String> types = byName(expected);
            return byName(found).entrySet().stream()
                    .anyMatch(column ->
                            !column.getValue().equals(types.getOrDefault(column.getKey(), column.getValue())));
        } catch (Exception e) { // Spark throws a checked exception that it does not declare
            return true; // reading the rows says what is wrong
        }
    }

    private static Map<String, String> byName(StructType schema) {
        Map<String, String> types = new TreeMap<>();
        for (StructField field : schema.fields()) {
            types.put(field.name().toLowerCase(Locale.ROOT), field.dataType().catalogString());
        }
        return types;
    }
}
