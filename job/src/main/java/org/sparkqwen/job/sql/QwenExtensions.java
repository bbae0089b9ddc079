package org.sparkqwen.job.sql;

import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple3;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/// The session extension with the functions of SQL: `qwen_score`, `qwen_generate`, `qwen_classify`, `qwen_embed`,
/// `qwen_tokenize`, and the same with `_table`.
///
/// A session has it if it was built with
/// `spark.sql.extensions=org.sparkqwen.job.sql.QwenExtensions`. A server of Spark Connect that has it offers the
/// functions to all clients.
public final class QwenExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
    private static final Logger LOG = LoggerFactory.getLogger(QwenExtensions.class);

    /// Makes the extension. Spark calls this for `spark.sql.extensions`.
    public QwenExtensions() {}

    @Override
    public BoxedUnit apply(SparkSessionExtensions extensions) {
        SessionJobs jobs = new SessionJobs(LOG::warn);
        for (JobFunction function : JobFunction.values()) {
            String scalar = function.scalarName();
            extensions.injectFunction(new Tuple3<>(
                    new FunctionIdentifier(scalar),
                    info(scalar, function.scalarUsage()),
                    given -> ScalarCall.of(function, given)));
            String table = function.tableName();
            extensions.injectTableFunction(new Tuple3<>(
                    new FunctionIdentifier(table),
                    info(table, function.tableUsage()),
                    given -> TableCall.of(function, given)));
        }
        extensions.injectPlannerStrategy(_ -> new JobStrategy(jobs));
        return BoxedUnit.UNIT;
    }

    private static ExpressionInfo info(String name, String usage) {
        return new ExpressionInfo(
                QwenExtensions.class.getName(), null, name, usage, "", "", "", "", "", "", "built-in");
    }
}
