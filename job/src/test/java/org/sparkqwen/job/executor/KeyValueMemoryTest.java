package org.sparkqwen.job.executor;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The memory of the KV cache if the user gives no size.
class KeyValueMemoryTest {
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    @Test
    void anEighthOfTheMachineWhereNothingHoldsExecutorsToLess() {
        SparkConf conf = new SparkConf(false).set("spark.master", "spark://host:7077");
        assertThat(KeyValueMemory.bytes(conf, 100 * MIB, 0, 16 * GIB)).isEqualTo(2 * GIB);
        assertThat(KeyValueMemory.bytes(null, 100 * MIB, 0, 16 * GIB)).isEqualTo(2 * GIB);
        assertThat(KeyValueMemory.bytes(conf, 100 * MIB, 0, 512 * GIB))
                .as("and no more than this")
                .isEqualTo(4 * GIB);
    }

    @ParameterizedTest
    @CsvSource({
        "spark://host:7077, 2g, 100, 0, 1692", // 2048 - 256 for the JVM - 100 for a step
        "yarn, '', 100, 1000, 128", // 10 % of 1 GiB, or 384 MiB, is too little: the least there is
        "yarn, 4g, 100, 1000, 2484", // 4096 - 512 for the JVM and pages of files - 100 for a step - the weights
        "k8s://host, 8192m, 1000, 6000, 680",
        "k8s://host, 8192m, 1000, 6552, 128", // just enough
        "k8s://host, 8192m, 1000, 6553, 6936" // the weights have no room, so the cache takes it
    })
    void whatAStepAndTheJvmLeaveOfTheOverhead(
            String master, String overhead, long stepMib, long weightsMib, long expectedMib) {
        SparkConf conf = new SparkConf(false).set("spark.master", master);
        if (!overhead.isEmpty()) {
            conf.set("spark.executor.memoryOverhead", overhead);
        }
        assertThat(KeyValueMemory.bytes(conf, stepMib * MIB, weightsMib * MIB, 512 * GIB) / MIB)
                .isEqualTo(expectedMib);
    }
}
