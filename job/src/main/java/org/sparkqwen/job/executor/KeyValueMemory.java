package org.sparkqwen.job.executor;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.spark.ContainerMemory;
import org.sparkqwen.job.spark.ExecutorMemory;

/// The memory that an executor gives to the KV cache if the user gives no size.
///
/// Where the cluster limits executors to their memory overhead, it is the part of the overhead that a step does not
/// need. In a container the overhead has the weights, too, so the cache gets what these leave. If they do not fit, they
/// are read from the disk in part, and the cache does not wait for room that they would not leave. Elsewhere it is an
/// eighth of the machine's memory, and at most 4 GiB.
final class KeyValueMemory {
    private static final Logger LOG = LoggerFactory.getLogger(KeyValueMemory.class);

    private static final long MIB = 1 << 20;

    /// The least memory, so that a run can start. Too little makes it slow, with a message that says so.
    private static final long LEAST = 128 * MIB;

    private static final long MOST = 4096 * MIB;

    private KeyValueMemory() {}

    /// @param model the model's directory, or its GGUF file, on this host
    /// @param adapter the directory of an adapter on this host; null for none
    static long ofThisExecutor(
            ModelConfig config,
            Path model,
            @Nullable Path adapter,
            WeightEncoding encoding,
            int batchTokens,
            int threads) {
        SparkEnv env = SparkEnv.get();
        long step =
                WorkingMemory.scoring(config, batchTokens, batchTokens, threads).offHeap();
        long physical = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getTotalMemorySize();
        SparkConf conf = env == null ? null : env.conf();
        boolean counted = conf != null && ContainerMemory.limits(conf);
        long weights = counted ? weights(config, model, adapter, encoding) : 0;
        long bytes = bytes(conf, step, weights, physical);
        LOG.info("key/value cache: {} MiB at most", bytes / MIB);
        return bytes;
    }

    private static long weights(ModelConfig config, Path model, @Nullable Path adapter, WeightEncoding encoding) {
        try (WeightFiles files = WeightFiles.open(model, config.family().names(), adapter)) {
            return Weights.layout(config.with(files), files, encoding).bytes();
        }
    }

    /// @param step the bytes that a step needs off the heap, besides the KV cache
    /// @param weights the bytes of the weights, if the overhead has them; 0 elsewhere
    /// @param physical the bytes of memory that the machine or the container has
    static long bytes(@Nullable SparkConf conf, long step, long weights, long physical) {
        OptionalLong overhead = conf == null ? OptionalLong.empty() : ExecutorMemory.overhead(conf);
        if (overhead.isEmpty()) {
            return Math.max(Math.min(physical / 8, MOST), LEAST);
        }
        long besideWeights = overhead.getAsLong() - ContainerMemory.beside(weights, step);
        if (weights > 0 && besideWeights >= LEAST) {
            return besideWeights;
        }
        return Math.max(overhead.getAsLong() - step - ExecutorMemory.OF_JVM, LEAST);
    }
}
