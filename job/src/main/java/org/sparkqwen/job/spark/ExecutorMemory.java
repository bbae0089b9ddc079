package org.sparkqwen.job.spark;

import java.util.OptionalLong;
import org.apache.spark.SparkConf;

/// The memory and the cores of an executor, as a configuration gives them.
///
/// @param heap bytes of the Java heap
/// @param overhead bytes beside the heap to which the cluster limits an executor; empty where nothing does
/// @param cores the cores that an executor may use
/// @param isDriver whether the driver is the only executor, as in local mode
/// @param hasWeights whether the weights are in the overhead, as in a container
public record ExecutorMemory(long heap, OptionalLong overhead, int cores, boolean isDriver, boolean hasWeights) {
    /// The heap that Spark and the rows need beside an engine: what Spark reserves for itself, and some for rows.
    public static final long OF_SPARK = 512L << 20;

    /// The memory of a JVM outside its heap: code, classes, threads.
    public static final long OF_JVM = 256L << 20;

    private static final long MIB = 1 << 20;

    public static ExecutorMemory of(SparkConf conf) {
        int processors = Runtime.getRuntime().availableProcessors();
        if (LocalMode.isIn(conf)) {
            return new ExecutorMemory(Runtime.getRuntime().maxMemory(), OptionalLong.empty(), processors, true, false);
        }
        return new ExecutorMemory(
                conf.getSizeAsMb("spark.executor.memory", "1g") * MIB,
                overhead(conf),
                conf.getInt("spark.executor.cores", processors),
                false,
                ContainerMemory.limits(conf));
    }

    /// Returns the executor's memory overhead, as Spark computes it; empty where nothing limits executors to one.
    public static OptionalLong overhead(SparkConf conf) {
        if (!ContainerMemory.limits(conf) && !conf.contains("spark.executor.memoryOverhead")) {
            return OptionalLong.empty();
        }
        double factor = conf.getDouble("spark.executor.memoryOverheadFactor", 0.1);
        long heap = conf.getSizeAsMb("spark.executor.memory", "1g");
        long least = conf.getSizeAsMb("spark.executor.minMemoryOverhead", "384m");
        long byDefault = Math.max((long) (heap * factor), least);
        return OptionalLong.of(conf.getSizeAsMb("spark.executor.memoryOverhead", byDefault + "m") * MIB);
    }
}
