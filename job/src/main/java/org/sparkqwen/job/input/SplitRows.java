package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Failures;

/// How many rows a split has, as a task counts them.
///
/// @param partition of the scan
/// @param rows that could be read
/// @param failure why there are no more; null if there was none
record SplitRows(int partition, long rows, @Nullable String failure) implements Serializable {

    /// @param most after how many rows to stop
    public static SplitRows count(int partition, Iterator<?> rows, long most) {
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

    /// Storage that does not answer is no corrupt file, so what fails is one only when Spark has tried it as often
    /// as any task.
    private static boolean mayBeTriedAgain() {
        SparkConf conf = SparkEnv.get().conf();
        return !conf.get("spark.master").matches("local(\\[[^,]*])?")
                && TaskContext.get().attemptNumber() + 1 < conf.getInt("spark.task.maxFailures", 4);
    }
}
