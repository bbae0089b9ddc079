package org.sparkqwen.job.sql;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.FunctionTableSubqueryArgumentExpression;
import org.apache.spark.sql.catalyst.expressions.GetStructField;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.ArrowEvalPython;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.failure.Refusal;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// A call of a table function, such as `qwen_score_table(TABLE(SELECT ...))`, as a plan of Spark's: the rows of the
/// table, each with the job's columns behind its own.
///
/// Spark calls this whenever it analyzes a query, so no model is opened here.
final class TableCall {
    private TableCall() {}

    /// @throws Refusal if the arguments make no sense
    static LogicalPlan of(JobFunction function, Seq<Expression> given) {
        return SqlNames.inMessages(() -> {
            FunctionArguments arguments = FunctionArguments.of(function.tableName(), given);
            LogicalPlan table = table(function, arguments.takeFirst("input", "TABLE(query)"));
            Map<String, List<String>> options = new HashMap<>(SessionOptions.of(function));
            options.putAll(arguments.options(function.job(), JobOptions.names(function.job())));
            StructType added = JobOptions.parse(function.job(), options).addedColumns();
            refuseColumns(function, table, added);
            List<String> columns = CollectionConverters.asJava(table.output()).stream()
                    .map(Attribute::name)
                    .toList();
            return plan(new JobCall(function, true, columns, options, added), table);
        });
    }

    private static LogicalPlan table(JobFunction function, Expression argument) {
        if (!(argument instanceof FunctionTableSubqueryArgumentExpression table)) {
            throw Refusal.usage("%s takes a table first, such as TABLE(corpus) or TABLE(SELECT ...)"
                    .formatted(function.tableName()));
        }
        if (!table.partitionByExpressions().isEmpty()
                || !table.orderByExpressions().isEmpty()
                || table.withSinglePartition()) {
            throw Refusal.usage("%s takes a table without PARTITION BY, ORDER BY and WITH SINGLE PARTITION"
                    .formatted(function.tableName()));
        }
        return table.plan();
    }

    private static void refuseColumns(JobFunction function, LogicalPlan table, StructType added) {
        for (Attribute column : CollectionConverters.asJava(table.output())) {
            for (String name : added.fieldNames()) {
                if (name.equalsIgnoreCase(column.name())) {
                    throw Refusal.usage("%s adds a column %s, which the table has, too; leave it out, or rename it"
                            .formatted(function.tableName(), Quote.of(column.name())));
                }
            }
        }
    }

    private static LogicalPlan plan(JobCall call, LogicalPlan table) {
        List<Attribute> columns = new ArrayList<>(CollectionConverters.asJava(table.output()));
        Attribute result = new AttributeReference(
                "result",
                call.schema(),
                false,
                Metadata.empty(),
                NamedExpression.newExprId(),
                CollectionConverters.asScala(List.<String>of()).toSeq());
        LogicalPlan evaluated = new ArrowEvalPython(
                CollectionConverters.asScala(List.of(call.expression(new ArrayList<>(columns))))
                        .toSeq(),
                CollectionConverters.asScala(List.of(result)).toSeq(),
                table,
                JobCall.KIND);
        List<NamedExpression> output = new ArrayList<>(columns);
        StructField[] added = call.schema().fields();
        for (int i = 0; i < added.length; i++) {
            output.add(alias(new GetStructField(result, i, Option.apply(added[i].name())), added[i].name()));
        }
        return new Project(CollectionConverters.asScala(output).toSeq(), evaluated);
    }

    private static Alias alias(Expression value, String name) {
        Seq<String> none = CollectionConverters.asScala(List.<String>of()).toSeq();
        return new Alias(value, name, NamedExpression.newExprId(), none, Option.empty(), none);
    }
}
