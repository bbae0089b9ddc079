package org.sparkqwen.job.spark;

import java.util.Optional;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.parser.ParseException;

/// The syntax of Spark's SQL.
public final class SqlSyntax {
    private SqlSyntax() {}

    /// Returns what is wrong with a statement's syntax; empty if a session can parse it. The statement is not run.
    public static Optional<Exception> error(SparkSession spark, String statement) {
        try {
            spark.sessionState().sqlParser().parsePlan(statement);
            return Optional.empty();
        } catch (ParseException e) {
            return Optional.of(e);
        }
    }

    /// Returns whether a session has failed to parse a statement.
    public static boolean isError(Throwable failure) {
        return failure instanceof ParseException;
    }
}
