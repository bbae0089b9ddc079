package org.sparkqwen.job.spark;

import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import scala.Tuple4;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// Reads what executors' heartbeats report about running tasks. Spark passes it as unnamed tuples.
public final class Heartbeats {
    private Heartbeats() {}

    /// Receives the values of a running task's accumulators so far.
    public interface Reader {
        /// @param task the task's id
        void read(long task, Iterable<AccumulableInfo> counted);
    }

    /// Reads the accumulators of each of an executor's tasks.
    public static void read(SparkListenerExecutorMetricsUpdate heartbeat, Reader reader) {
        for (Tuple4<Object, Object, Object, Seq<AccumulableInfo>> task :
                CollectionConverters.asJava(heartbeat.accumUpdates())) {
            reader.read((Long) task._1(), CollectionConverters.asJava(task._4()));
        }
    }
}
