package org.sparkqwen.job.spark;

import org.apache.spark.SparkConf;
import org.sparkqwen.engine.sizing.WeightMemory;

/// The memory of a container that holds one executor with its weights.
///
/// Kubernetes and YARN limit a container to the heap and the overhead of its executor together, and count mapped pages
/// of files, too. So the weights need room in the overhead there. Where the limit is a cgroup, pages of files are given
/// up before a process is killed. YARN without cgroups kills a process whose resident memory is above the limit.
///
/// @param heap bytes of the Java heap, `spark.executor.memory`
/// @param overhead bytes beside the heap without the KV cache, `spark.executor.memoryOverhead`
public record ContainerMemory(long heap, long overhead) {
    private static final long MIB = 1 << 20;
    private static final long HEAP = 1024 * MIB;
    private static final long HEAP_OF_A_CORE = 256 * MIB;

    /// The unit in which an overhead is given.
    private static final long STEP = 128 * MIB;

    /// Returns what an executor needs, by the rules of the profiles in `conf`.
    ///
    /// @param weights bytes of the packed weights
    /// @param offHeap bytes that a batch takes off the heap
    public static ContainerMemory of(long weights, long offHeap, int cores) {
        return new ContainerMemory(HEAP + cores * HEAP_OF_A_CORE, Math.ceilDiv(beside(weights, offHeap), STEP) * STEP);
    }

    /// Returns the bytes beside the heap that an executor needs without a KV cache: the weights, a batch, the JVM,
    /// and pages of the files that it reads and writes on the way.
    public static long beside(long weights, long offHeap) {
        return weights + offHeap + WeightMemory.OTHER_BYTES;
    }

    /// Whether executors run in containers whose limit counts the weights.
    public static boolean limits(SparkConf conf) {
        String master = conf.get("spark.master", "local");
        return master.startsWith("yarn") || master.startsWith("k8s");
    }
}
