package org.sparkqwen.job.sql;

import java.util.List;
import java.util.Map;
import org.apache.spark.api.python.PythonBroadcast;
import org.apache.spark.api.python.PythonEvalType;
import org.apache.spark.api.python.PythonFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.PythonUDF;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.CollectionAccumulator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// A call of a function in a query: the job, and its options.
///
/// It travels through Spark's planner in the place of a Python function, because Spark takes calls of those, and of
/// nothing else, out of expressions and evaluates them many rows at a time. [JobStrategy] finds it there. No Python is
/// ever started. Equal calls on equal arguments are evaluated once.
///
/// @param function the job
/// @param ofTable whether a table function is called, so that a row may have several results
/// @param columns the names under which the job finds the arguments, which are columns for it
/// @param options the values of the job's options, by their names on the command line
/// @param schema the columns that the job adds with these options
record JobCall(
        JobFunction function,
        boolean ofTable,
        List<String> columns,
        Map<String, List<String>> options,
        StructType schema)
        implements PythonFunction {
    /// The kind of Python function that Spark never evaluates together with another one.
    static final int KIND = PythonEvalType.SQL_SCALAR_PANDAS_ITER_UDF();

    JobCall {
        columns = List.copyOf(columns);
        options = Map.copyOf(options);
    }

    /// Returns the call as an expression of Spark's, whose value is a struct of the job's columns.
    PythonUDF expression(List<Expression> arguments) {
        return new PythonUDF(
                ofTable ? function.tableName() : function.scalarName(),
                this,
                schema,
                CollectionConverters.asScala(arguments).toSeq(),
                KIND,
                true,
                NamedExpression.newExprId());
    }

    @Override
    public Seq<Object> command() {
        return CollectionConverters.asScala(List.<Object>of()).toSeq();
    }

    @Override
    public Map<String, String> envVars() {
        return Map.of();
    }

    @Override
    public List<String> pythonIncludes() {
        return List.of();
    }

    @Override
    public String pythonExec() {
        return "";
    }

    @Override
    public String pythonVer() {
        return "";
    }

    @Override
    public List<Broadcast<PythonBroadcast>> broadcastVars() {
        return List.of();
    }

    @Override
    public CollectionAccumulator<byte[]> accumulator() {
        return new CollectionAccumulator<>();
    }
}
