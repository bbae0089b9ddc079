package org.sparkqwen.job.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.LocalSpark;

/// What a dry run says about the memory of executors.
class ModelFitTest {
    private static final int WINDOW = 256;

    private static String lines(String master, String overhead) {
        SparkConf conf = new SparkConf(false)
                .set("spark.master", master)
                .set("spark.executor.cores", "2")
                .set("spark.executor.memory", "2g")
                .set("spark.executor.memoryOverhead", overhead);
        return String.join("\n", ModelFit.lines(LocalSpark.model(), WINDOW, conf));
    }

    /// 480 MiB are enough for the JVM and a batch of the sample model, but a container has the weights, too.
    @Test
    void theOverheadOfAContainerHasTheWeights() {
        assertThat(lines("spark://host:7077", "480m")).contains("their memory overhead of 480.0 MiB is enough, and");
        for (String container : new String[] {"yarn", "k8s://https://host:6443"}) {
            assertThat(lines(container, "480m"))
                    .contains("their memory overhead of 480.0 MiB, which has the weights, is too small: give at least");
            assertThat(lines(container, "2g"))
                    .contains("their memory overhead of 2.00 GiB, which has the weights, is enough, and the KV cache");
        }
    }
}
