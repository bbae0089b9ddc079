package org.sparkqwen.job.executor;

import java.lang.management.ManagementFactory;
import java.util.OptionalLong;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.spark.ExecutorMemory;

/// The memory that an executor gives to the KV cache if the user gives no size.
///
/// Where the cluster limits executors to their memory overhead, it is the part of the overhead that a step does not
/// need. Elsewhere it is an eighth of the machine's memory, and at most 4 GiB.
final class KeyValueMemory {
    private static final Logger LOG = LoggerFactory.getLogger(KeyValueMemory.class);

    private static final long MIB = 1 << 20;

    /// The least memory, so that a run can start. Too little makes it slow, with a message that says so.
    private static final long LEAST = 128 * MIB;

    private static final long MOST = 4096 * MIB;

    private KeyValueMemory() {}

    static long ofThisExecutor(ModelConfig config, int batchTokens, int threads) {
        SparkEnv env = SparkEnv.get();
        long step =
                WorkingMemory.scoring(config, batchTokens, batchTokens, threads).offHeap();
        long physical = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getTotalMemorySize();
        long bytes = bytes(env == null ? null : env.conf(), step, physical);
        LOG.info("key/value cache: {} MiB at most", bytes / MIB);
        return bytes;
    }

    /// @param step the bytes that a step needs off the heap, besides the KV cache
    /// @param physical the bytes of memory that the machine or the container has
    static long bytes(@Nullable SparkConf conf, long step, long physical) {
        OptionalLong overhead = conf == null ? OptionalLong.empty() : ExecutorMemory.overhead(conf);
        long bytes = overhead.isPresent()
                ? overhead.getAsLong() - step - ExecutorMemory.OF_JVM
                : Math.min(physical / 8, MOST);
        return Math.max(bytes, LEAST);
    }
}
