package org.sparkqwen.job.spark;

import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import scala.Tuple4;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// What executors' heartbeats say of tasks that still run. Spark passes it as unnamed tuples.
public final class Heartbeats {
    private Heartbeats() {}

    /// Takes what a running task's accumulators have so far.
    public interface Reader {
        /// @param task its id
        void read(long task, Iterable<AccumulableInfo> counted);
    }

    /// Reads each of an executor's tasks.
    public static void read(SparkListenerExecutorMetricsUpdate heartbeat, Reader reader) {
        for (Tuple4<Object, Object, Object, Seq<AccumulableInfo>> task :
                CollectionConverters.asJava(heartbeat.accumUpdates())) {
            reader.read((Long) task._1(), CollectionConverters.asJava(task._4()));
        }
    }
}
