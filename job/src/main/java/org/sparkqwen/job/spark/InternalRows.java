package org.sparkqwen.job.spark;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.PartitionPruningRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.MapPartitions;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructType;
import scala.Function1;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/// Rows on the cluster in Spark's own form, see [SparkRow]. Spark's public API converts each value to a Java object and
/// back, and loses what that object cannot hold.
public final class InternalRows {
    private final JavaRDD<InternalRow> rows;

    InternalRows(RDD<InternalRow> rows) {
        this.rows = rows.toJavaRDD();
    }

    /// Plans a Dataset once, so that whatever is made of these rows reads the same shuffle.
    public static InternalRows of(Dataset<Row> rows) {
        return new InternalRows(rows.queryExecution().toRdd());
    }

    /// Makes something of the rows of a partition.
    public interface Partition<T> extends Serializable {
        /// @param index the number of the partition
        /// @param rows the rows, each of which is valid until the next one is asked for
        /// @return what was made; a row needs to be valid only until the next one is asked for
        Iterator<T> call(int index, Iterator<SparkRow> rows);
    }

    public int partitions() {
        return rows.getNumPartitions();
    }

    /// Makes other values of each partition's rows.
    public <T> JavaRDD<T> values(Partition<T> partition) {
        return rows.mapPartitionsWithIndex((index, all) -> partition.call(index, wrapped(all)), true);
    }

    /// Makes other rows of each partition's rows.
    public InternalRows map(Partition<SparkRow> partition) {
        return new InternalRows(rows.mapPartitionsWithIndex(
                        (index, all) -> unwrapped(partition.call(index, wrapped(all))), true)
                .rdd());
    }

    /// Returns only these partitions. They keep their order, and are numbered anew.
    public InternalRows only(Set<Integer> partitions) {
        Function1<Object, Object> wanted = (Function1<Object, Object> & Serializable) partitions::contains;
        return new InternalRows(PartitionPruningRDD.create(rows.rdd(), wanted));
    }

    /// Lets a task compute several partitions, so that there are at most so many tasks.
    public InternalRows inTasks(int most) {
        return new InternalRows(rows.coalesce(most).rdd());
    }

    /// Makes a Dataset of these rows, as Spark's own streaming does with a batch.
    public Dataset<Row> dataset(SparkSession spark, StructType schema) {
        return ((org.apache.spark.sql.classic.SparkSession) spark).internalCreateDataFrame(rows.rdd(), schema, false);
    }

    /// Does what [Dataset#mapPartitions] does, without its conversions. The plan is the one that Spark makes for
    /// it, with a struct in place of a Java object. So it is lazy, and Spark reads only the columns that are
    /// needed.
    ///
    /// @param structs a Dataset with one column, a struct
    /// @param output the type of the structs that `partition` makes
    /// @param partition makes structs; each row that it gets is its own
    /// @return a Dataset with one column, a struct. Its fields must be selected at once, because rows from
    ///     `partition` do not have the form that Spark's shuffles and sorts need.
    public static Dataset<Row> mapStructs(Dataset<Row> structs, StructType output, Structs partition) {
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

    /// Makes the structs of a partition from those of another.
    public interface Structs extends Serializable {
        Iterator<SparkRow> call(Iterator<SparkRow> rows);
    }

    /// Wraps a partition's function in the form that Spark's plan needs.
    private static final class OnIterators
            extends AbstractFunction1<scala.collection.Iterator<Object>, scala.collection.Iterator<Object>>
            implements Serializable {
        private static final long serialVersionUID = 1L;

        private final Structs partition;

        OnIterators(Structs partition) {
            this.partition = partition;
        }

        @Override
        public scala.collection.Iterator<Object> apply(scala.collection.Iterator<Object> structs) {
            // Spark reuses the memory of this row for the next one, so it is copied.
            Iterator<SparkRow> rows = Iterators.map(
                    CollectionConverters.asJava(structs), struct -> new SparkRow(((InternalRow) struct).copy()));
            return CollectionConverters.asScala(
                    Iterators.<SparkRow, Object>map(partition.call(rows), SparkRow::internal));
        }
    }

    /// Appends a value to each row. The rows returned share their values with those given, so each is valid until
    /// the next one is asked for.
    ///
    /// @param value the value of a row, asked for once and in order
    public static Iterator<SparkRow> append(Iterator<SparkRow> rows, Function<SparkRow, Object> value) {
        return Iterators.map(rows, row -> row.with(value.apply(row)));
    }

    private static Iterator<SparkRow> wrapped(Iterator<InternalRow> rows) {
        return Iterators.map(rows, SparkRow::new);
    }

    private static Iterator<InternalRow> unwrapped(Iterator<SparkRow> rows) {
        return Iterators.map(rows, SparkRow::internal);
    }
}
