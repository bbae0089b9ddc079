package org.sparkqwen.job.sql;

import static org.apache.spark.sql.functions.struct;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.BoundReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.plans.physical.Partitioning;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.spark.Iterators;
import org.sparkqwen.job.spark.RowNumber;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// The step of a physical plan that runs a job: it appends a struct of the job's columns to each row of its child.
///
/// The rows of the child become a Dataset, to which the public job is applied. So a query has the engine's batches, the
/// rows with errors and the end with a killed task that a run has, and the same bits. The model is opened and
/// distributed when the step is executed, which `EXPLAIN` does not do.
///
/// Spark copies a step by reflection, so this class and its constructor are public.
public final class JobExec extends SparkPlan {
    private static final long serialVersionUID = 1L;

    private final transient JobCall call;
    private final transient Seq<Expression> arguments;
    private final transient Seq<Attribute> result;
    private final transient SparkPlan child;
    private final transient SessionJobs jobs;

    /// @param arguments the arguments of the call, which are read for each row
    /// @param result the column of the struct
    public JobExec(JobCall call, Seq<Expression> arguments, Seq<Attribute> result, SparkPlan child, SessionJobs jobs) {
        this.call = call;
        this.arguments = arguments;
        this.result = result;
        this.child = child;
        this.jobs = jobs;
    }

    @Override
    public Seq<SparkPlan> children() {
        return CollectionConverters.asScala(List.of(child)).toSeq();
    }

    @Override
    public Seq<Attribute> output() {
        return seq(Stream.concat(list(child.output()).stream(), list(result).stream())
                .toList());
    }

    @Override
    public AttributeSet producedAttributes() {
        return AttributeSet.apply(seq(List.<Expression>copyOf(list(result))));
    }

    @Override
    public Partitioning outputPartitioning() {
        return child.outputPartitioning();
    }

    /// Returns the child's order for a scalar function. A table function's rows have none.
    @Override
    public Seq<SortOrder> outputOrdering() {
        return call.ofTable() ? seq(List.of()) : child.outputOrdering();
    }

    @Override
    public RDD<InternalRow> doExecute() {
        return SqlNames.inMessages(() -> evaluated(child.execute()));
    }

    /// Applies the job to the arguments. The rows of the child pass through it as structs, with their numbers.
    private RDD<InternalRow> evaluated(RDD<InternalRow> rows) {
        StructType passed = numbered(child.output());
        String number = free("number");
        String row = free("passed");
        StructType input =
                new StructType().add(number, DataTypes.LongType, false).add(row, passed, false);
        for (int i = 0; i < arguments.size(); i++) {
            Expression argument = arguments.apply(i);
            input = input.add(call.columns().get(i), argument.dataType(), argument.nullable());
        }
        RDD<InternalRow> read = rows.toJavaRDD()
                .mapPartitionsWithIndex(new WithArguments(arguments, child.output()), true)
                .rdd();
        Work work = jobs.prepared(call, List.of(number, row), session());
        Dataset<Row> results = work.apply(session().internalCreateDataFrame(read, input, false), TaskCounts.NONE);
        List<Column> columns = new ArrayList<>();
        if (!call.ofTable()) {
            columns.add(results.col(number));
        }
        for (String field : passed.fieldNames()) {
            columns.add(results.col(row).getField(field));
        }
        columns.add(struct(
                Arrays.stream(call.schema().fieldNames()).map(results::col).toArray(Column[]::new)));
        Dataset<Row> output = results.select(columns.toArray(Column[]::new));
        RDD<InternalRow> made = output.queryExecution().toRdd();
        return call.ofTable()
                ? made
                : made.toJavaRDD()
                        .mapPartitions(new InOrder(output.schema()), true)
                        .rdd();
    }

    /// Returns a name for a column of ours that no argument has. Spark does not tell upper from lower case.
    private String free(String name) {
        return Stream.iterate(RowNumber.ADDED + name, taken -> taken + "_")
                .filter(candidate -> call.columns().stream().noneMatch(candidate::equalsIgnoreCase))
                .findFirst()
                .orElseThrow();
    }

    /// Returns a schema with names of its own, because columns in the midst of a query may share names.
    private static StructType numbered(Seq<Attribute> columns) {
        StructType numbered = new StructType();
        for (Attribute column : list(columns)) {
            numbered = numbered.add("c" + numbered.size(), column.dataType(), column.nullable());
        }
        return numbered;
    }

    /// Makes a row of each row: its number in the partition, itself, and its arguments.
    private record WithArguments(Seq<Expression> arguments, Seq<Attribute> columns)
            implements Function2<Integer, Iterator<InternalRow>, Iterator<InternalRow>> {

        @Override
        public Iterator<InternalRow> call(Integer partition, Iterator<InternalRow> rows) {
            UnsafeProjection values = UnsafeProjection.create(arguments, columns);
            values.initialize(partition);
            AtomicLong next = new AtomicLong();
            return Iterators.map(
                    rows,
                    row -> new JoinedRow(
                            new GenericInternalRow(new Object[] {next.getAndIncrement(), row}), values.apply(row)));
        }
    }

    /// Restores the order of a partition's rows, and removes their numbers.
    ///
    /// @param type the rows' type, of which the first column is the number
    private record InOrder(StructType type) implements FlatMapFunction<Iterator<InternalRow>, InternalRow> {
        @Override
        public Iterator<InternalRow> call(Iterator<InternalRow> results) {
            List<Expression> columns = new ArrayList<>();
            for (int i = 1; i < type.size(); i++) {
                columns.add(new BoundReference(i, type.fields()[i].dataType(), type.fields()[i].nullable()));
            }
            UnsafeProjection projection = UnsafeProjection.create(seq(columns));
            return Iterators.map(new NumberedRows(results), row -> projection.apply(row));
        }
    }

    private static <T> List<T> list(Seq<T> seq) {
        return CollectionConverters.asJava(seq);
    }

    private static <T> Seq<T> seq(List<T> list) {
        return CollectionConverters.asScala(list).toSeq();
    }

    @Override
    public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> children) {
        return new JobExec(call, arguments, result, children.head(), jobs);
    }

    @Override
    public String nodeName() {
        return "Qwen";
    }

    @Override
    public String simpleString(int maxFields) {
        return "Qwen %s%s".formatted(call.function().job(), arguments.mkString("(", ", ", ")"));
    }

    /// Returns what `EXPLAIN FORMATTED` shows of this step.
    @Override
    public scala.collection.Iterator<Object> stringArgs() {
        return seq(List.<Object>of(call.function().job(), arguments, call.options()))
                .iterator();
    }

    private Object[] parts() {
        return new Object[] {call, arguments, result, child, jobs};
    }

    @Override
    public int productArity() {
        return parts().length;
    }

    @Override
    public Object productElement(int n) {
        return parts()[n];
    }

    @Override
    public boolean canEqual(Object that) {
        return that instanceof JobExec;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof JobExec that && Arrays.equals(parts(), that.parts());
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(parts());
    }
}
