package org.sparkqwen.job.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.network.util.JavaUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.testing.SparkProcess;

/// The memory of containers, and the sizes that the profiles of Kubernetes and YARN name.
class ContainerMemoryTest {
    private static final long MIB = 1 << 20;
    private static final int CORES = 4;

    /// How much a size may be above the sum. Batches take somewhat more on processors with other kernels.
    private static final long ROUNDING = 512 * MIB;

    @Test
    void theOverheadHasTheWeightsABatchAndTheProcess() {
        ContainerMemory memory = ContainerMemory.of(7000 * MIB, 100 * MIB, 16);
        assertThat(memory.heap()).isEqualTo(5 * 1024 * MIB);
        assertThat(memory.overhead()).isEqualTo(7680 * MIB); // 7000 + 100 + 512, rounded up to 128
    }

    @Test
    void onlyContainersCountTheWeights() {
        assertThat(ContainerMemory.limits(new SparkConf(false).set("spark.master", "yarn")))
                .isTrue();
        assertThat(ContainerMemory.limits(new SparkConf(false).set("spark.master", "k8s://https://host:6443")))
                .isTrue();
        assertThat(ContainerMemory.limits(new SparkConf(false).set("spark.master", "spark://host:7077")))
                .isFalse();
        assertThat(ContainerMemory.limits(new SparkConf(false))).isFalse();
    }

    /// Each profile says `4 cores, 4B, texts:  2g + 12g`, where 64 texts of 200 tokens have room.
    @ParameterizedTest
    @CsvSource({"kubernetes.conf, 0.6b", "kubernetes.conf, 4b", "yarn.conf, 0.6b", "yarn.conf, 4b"})
    void theProfilesNameEnough(String profile, String label) throws IOException {
        PublishedShape shape = PublishedShape.of(label);
        ModelConfig config = shape.config(shape.layers());
        int batch = ExecutorOptions.DEFAULT_BATCH_TOKENS;
        long weights = Weights.layout(config, DType.BF16, WeightEncoding.STORED).bytes();
        long offHeap = WorkingMemory.scoring(config, batch, batch, CORES).offHeap();
        ContainerMemory scoring = ContainerMemory.of(weights, offHeap, CORES);
        long texts = 64 * 200 * config.keyValueBytesPerToken();

        String text = Files.readString(SparkProcess.CONF.resolve(profile));
        assertEnough(text, label, "scoring", scoring, 0);
        assertEnough(text, label, "texts", scoring, texts);
    }

    private static void assertEnough(
            String profile, String label, String work, ContainerMemory needed, long keysAndValues) {
        Matcher line = Pattern.compile(
                        "%d cores, %s, %s: +(\\w+) \\+ (\\w+)".formatted(CORES, label.toUpperCase(Locale.ROOT), work))
                .matcher(profile);
        assertThat(line.find()).as("%s, %s", label, work).isTrue();
        assertThat(JavaUtils.byteStringAsBytes(line.group(1))).isEqualTo(needed.heap());
        assertThat(JavaUtils.byteStringAsBytes(line.group(2)))
                .as("%s, %s: %d MiB are needed", label, work, (needed.overhead() + keysAndValues) / MIB)
                .isGreaterThanOrEqualTo(needed.overhead() + keysAndValues)
                .isLessThan(needed.overhead() + keysAndValues + ROUNDING);
    }
}
