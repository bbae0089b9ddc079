package org.sparkqwen.job.sql;

import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.plans.logical.ArrowEvalPython;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkStrategy;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// Plans [JobExec] where the logical plan has a [JobCall], before Spark's own strategies would plan a Python process.
final class JobStrategy extends SparkStrategy {
    private final SessionJobs jobs;

    JobStrategy(SessionJobs jobs) {
        this.jobs = jobs;
    }

    @Override
    public Seq<SparkPlan> apply(LogicalPlan plan) {
        return CollectionConverters.asScala(planned(plan)).toSeq();
    }

    private List<SparkPlan> planned(LogicalPlan plan) {
        if (!(plan instanceof ArrowEvalPython evaluation)
                || !(evaluation.udfs().head().func() instanceof JobCall call)) {
            return List.of();
        }
        if (evaluation.udfs().size() != 1) {
            throw new IllegalStateException("Spark has fused two calls: " + evaluation.udfs());
        }
        List<Expression> arguments = CollectionConverters.asJava(
                        evaluation.udfs().head().children())
                .subList(0, call.columns().size());
        return List.of(new JobExec(
                call,
                CollectionConverters.asScala(arguments).toSeq(),
                evaluation.resultAttrs(),
                planLater(evaluation.child()),
                jobs));
    }
}
