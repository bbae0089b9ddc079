package org.sparkqwen.job.columns;

import java.util.Collection;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Refusal;

/// A column of the input that Spark does not read. The schema contains it so that a person can be told of it, and it
/// does no harm as long as it is not needed.
public final class UnreadableColumn {
    private static final String KEY = "spark_qwen_unreadable";

    private UnreadableColumn() {}

    /// Returns a schema with such a column after the others.
    ///
    /// @param reason the reason for a person: the type, and the file that has it
    public static StructType addTo(StructType schema, String name, String reason) {
        return schema.add(
                name,
                DataTypes.BinaryType,
                true,
                new MetadataBuilder().putString(KEY, reason).build());
    }

    /// Refuses to read columns if one of them is such a column.
    ///
    /// @param needed the names of the columns to read
    public static void refuse(StructType schema, Collection<String> needed) {
        for (StructField field : schema.fields()) {
            if (field.metadata().contains(KEY) && needed.contains(field.name())) {
                throw Refusal.usage("column '%s' cannot be read by Spark: %s; leave it out with --columns"
                        .formatted(Quote.of(field.name()), field.metadata().getString(KEY)));
            }
        }
    }
}
