package org.sparkqwen.job;

import java.util.Iterator;
import java.util.function.Function;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.types.StructType;

/// Rows in Spark's own form, in which every value passes unchanged, malformed strings included.
final class InternalRows {
    private InternalRows() {}

    /// As Spark's own streaming makes a Dataset of a batch; the public way converts each value to Java's and back.
    static Dataset<Row> dataset(SparkSession spark, RDD<InternalRow> rows, StructType schema) {
        return ((org.apache.spark.sql.classic.SparkSession) spark).internalCreateDataFrame(rows, schema, false);
    }

    /// Rows with a further value behind their own. The rows returned are one object, as in Spark's own iterators.
    ///
    /// @param value of a row, asked for once and in order
    static Iterator<InternalRow> append(Iterator<InternalRow> rows, Function<InternalRow, Object> value) {
        return new Iterator<>() {
            private final JoinedRow joined = new JoinedRow();

            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public InternalRow next() {
                InternalRow row = rows.next();
                return joined.apply(row, new GenericInternalRow(new Object[] {value.apply(row)}));
            }
        };
    }
}
