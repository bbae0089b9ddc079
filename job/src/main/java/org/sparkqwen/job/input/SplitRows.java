package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.spark.LocalMode;

/// The row count of a split, as a task counts it.
///
/// @param partition the partition of the scan
/// @param rows how many rows could be read
/// @param failure why there are no more rows; null if nothing failed
record SplitRows(int partition, long rows, @Nullable String failure) implements Serializable {

    /// @param most the count at which to stop
    static SplitRows count(int partition, Iterator<?> rows, long most) {
        long count = 0;
        try {
            while (count < most && rows.hasNext()) {
                rows.next();
                count++;
            }
            return new SplitRows(partition, count, null);
        } catch (Exception e) { // Spark's readers throw checked exceptions, too, that they do not declare
            if (TaskContext.get().isInterrupted() || mayBeTriedAgain()) {
                throw e;
            }
            return new SplitRows(partition, count, Failures.firstLine(e));
        }
    }

    /// Returns whether Spark will try the task again. Storage that does not answer is no corrupt file, so a failure
    /// counts as one only after as many attempts as Spark makes for any task.
    private static boolean mayBeTriedAgain() {
        SparkConf conf = SparkEnv.get().conf();
        return TaskContext.get().attemptNumber() + 1 < LocalMode.taskTries(conf);
    }
}
