package org.sparkqwen.job.spark;

import java.util.Map;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import scala.runtime.AbstractPartialFunction;

/// A copy of a session that has some other settings. The session keeps its own, so queries that run in it meanwhile
/// are planned as its user wants. The copy has the temporary views and functions of the session.
public final class SessionCopy {
    private SessionCopy() {}

    /// Copies a session.
    ///
    /// @param settings the settings in which the copy differs
    public static org.apache.spark.sql.SparkSession with(
            org.apache.spark.sql.SparkSession session, Map<String, String> settings) {
        return copy(session, settings);
    }

    private static SparkSession copy(org.apache.spark.sql.SparkSession session, Map<String, String> settings) {
        SparkSession copy = ((SparkSession) session).cloneSession();
        settings.forEach((key, value) -> copy.conf().set(key, value));
        return copy;
    }

    /// Plans `rows` in a copy of their session, and divides them into partitions.
    ///
    /// @param settings the settings in which the copy differs
    static RDD<InternalRow> plan(Dataset<Row> rows, Map<String, String> settings) {
        SparkSession copy = copy(rows.sparkSession(), settings);
        LogicalPlan plan = rows.queryExecution().analyzed().transform(new ReadingIn(copy));
        RDD<InternalRow> planned = org.apache.spark.sql.classic.Dataset.ofRows(copy, plan)
                .queryExecution()
                .toRdd();
        planned.partitions();
        return planned;
    }

    /// Lets a session read the files of a plan. Files are divided by the settings of the session that is to read
    /// them, and not by those of the one that plans.
    private static final class ReadingIn extends AbstractPartialFunction<LogicalPlan, LogicalPlan> {
        private final SparkSession session;

        ReadingIn(SparkSession session) {
            this.session = session;
        }

        @Override
        public boolean isDefinedAt(LogicalPlan plan) {
            return plan instanceof LogicalRelation read && read.relation() instanceof HadoopFsRelation;
        }

        @Override
        public LogicalPlan apply(LogicalPlan plan) {
            LogicalRelation read = (LogicalRelation) plan;
            return read.copy(
                    new FilesOf((HadoopFsRelation) read.relation(), session),
                    read.output(),
                    read.catalogTable(),
                    read.isStreaming(),
                    read.stream());
        }
    }

    /// The files of a relation, to be read by another session. It equals no other relation, because Spark compares
    /// relations without their sessions, and would leave the first one in the plan.
    private static final class FilesOf extends HadoopFsRelation {
        private static final long serialVersionUID = 1L;

        FilesOf(HadoopFsRelation files, SparkSession session) {
            super(
                    files.location(),
                    files.partitionSchema(),
                    files.dataSchema(),
                    files.bucketSpec(),
                    files.fileFormat(),
                    files.options(),
                    session);
        }

        @Override
        public boolean canEqual(Object other) {
            return false;
        }

        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }
}
