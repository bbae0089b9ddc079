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
/// depth, the order of a map's entries, intervals, variants. Spark's public way converts each value to a Java object
/// and back, and what that object cannot hold is lost.
public final class InternalRows {
    private InternalRows() {}

    /// Makes the rows of a partition from those of another.
    public interface Partition extends Serializable {
        /// @param rows each of which is the callee's own
        /// @return rows that need to hold only until the next one is asked for
        Iterator<InternalRow> call(Iterator<InternalRow> rows);
    }

    /// As Spark's own streaming makes a Dataset of a batch; the public way converts each value to Java's and back.
    public static Dataset<Row> dataset(SparkSession spark, RDD<InternalRow> rows, StructType schema) {
        return ((org.apache.spark.sql.classic.SparkSession) spark).internalCreateDataFrame(rows, schema, false);
    }

    /// [Dataset#mapPartitions] without its conversions. The plan is the one that Spark makes for it, with a struct
    /// where it has a Java object: so it is lazy, and Spark reads only the columns that are needed.
    ///
    /// @param structs of one column, a struct
    /// @param output of the structs that `partition` makes
    /// @return of one column, a struct, to be taken apart at once: what comes from `partition` is not in the form
    /// that Spark's shuffles and sorts need
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

    /// A partition's function in the form that Spark's plan has it.
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
            // Spark puts the next row where this one was, hence the copy.
            Iterator<InternalRow> rows =
                    Iterators.map(CollectionConverters.asJava(structs), struct -> ((InternalRow) struct).copy());
            return CollectionConverters.asScala(Iterators.<InternalRow, Object>map(partition.call(rows), row -> row));
        }
    }

    /// Rows with a further value behind their own. The rows returned are one object, as in Spark's own iterators.
    ///
    /// @param value of a row, asked for once and in order
    public static Iterator<InternalRow> append(Iterator<InternalRow> rows, Function<InternalRow, Object> value) {
        JoinedRow joined = new JoinedRow();
        return Iterators.map(rows, row -> joined.apply(row, new GenericInternalRow(new Object[] {value.apply(row)})));
    }
}
