package org.sparkqwen.job.spark;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.MapPartitions;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/// Rows in Spark's own form, in which every value passes unchanged: dates of every century, malformed strings at any
/// depth, the order of a map's entries, intervals, variants. Spark's public API converts each value to a Java object
/// and back, and loses what that object cannot hold.
public final class InternalRows {
    private InternalRows() {}

    /// Makes the rows of a partition from those of another.
    public interface Partition extends Serializable {
        /// @param rows the rows, each of which belongs to the callee
        /// @return rows that need to be valid only until the next one is asked for
        Iterator<InternalRow> call(Iterator<InternalRow> rows);
    }

    /// Makes a Dataset of rows, as Spark's own streaming does with a batch. The public API would convert each value
    /// to a Java object and back.
    public static Dataset<Row> dataset(SparkSession spark, RDD<InternalRow> rows, StructType schema) {
        return ((org.apache.spark.sql.classic.SparkSession) spark).internalCreateDataFrame(rows, schema, false);
    }

    /// Does what [Dataset#mapPartitions] does, without its conversions. The plan is the one that Spark makes for
    /// it, with a struct in place of a Java object. So it is lazy, and Spark reads only the columns that are
    /// needed.
    ///
    /// @param structs a Dataset with one column, a struct
    /// @param output the type of the structs that `partition` makes
    /// @return a Dataset with one column, a struct. Its fields must be selected at once, because rows from
    ///     `partition` do not have the form that Spark's shuffles and sorts need.
    public static Dataset<Row> mapStructs(Dataset<Row> structs, StructType output, Partition partition) {
        Attribute result = new AttributeReference(
                "result",
                output,
                false,
                Metadata.empty(),
                NamedExpression.newExprId(),
                CollectionConverters.asScala(List.<String>of()).toSeq());
        LogicalPlan plan = structs.queryExecution().analyzed();
        return org.apache.spark.sql.classic.Dataset.ofRows(
                (org.apache.spark.sql.classic.SparkSession) structs.sparkSession(),
                new MapPartitions(new OnIterators(partition), result, plan));
    }

    /// Wraps a partition's function in the form that Spark's plan needs.
    private static final class OnIterators
            extends AbstractFunction1<scala.collection.Iterator<Object>, scala.collection.Iterator<Object>>
            implements Serializable {
        private static final long serialVersionUID = 1L;

        private final Partition partition;

        OnIterators(Partition partition) {
            this.partition = partition;
        }

        @Override
        public scala.collection.Iterator<Object> apply(scala.collection.Iterator<Object> structs) {
            // Spark reuses the memory of this row for the next one, so it is copied.
            Iterator<InternalRow> rows =
                    Iterators.map(CollectionConverters.asJava(structs), struct -> ((InternalRow) struct).copy());
            return CollectionConverters.asScala(Iterators.<InternalRow, Object>map(partition.call(rows), row -> row));
        }
    }

    /// Appends a value to each row. The rows returned are one reused object, as in Spark's own iterators.
    ///
    /// @param value the value of a row, asked for once and in order
    public static Iterator<InternalRow> append(Iterator<InternalRow> rows, Function<InternalRow, Object> value) {
        JoinedRow joined = new JoinedRow();
        return Iterators.map(rows, row -> joined.apply(row, new GenericInternalRow(new Object[] {value.apply(row)})));
    }
}
