package org.sparkqwen.job.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.spark.SparkConf;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.testing.GpuStandIn;

/// The driver finds out on which device executors compute, and refuses GPUs that tasks would not get.
class DeviceChoiceTest {
    @BeforeEach
    void startGpus() {
        System.setProperty(GpuStandIn.COUNT, "0"); // kernels for GPUs, and a driver's host without any
    }

    /// Gives this machine GPUs, which tasks need in local mode.
    private static void startGpusIf(String master) {
        System.setProperty(GpuStandIn.COUNT, master.startsWith("local") ? "2" : "0");
    }

    @AfterEach
    void stopGpus() {
        System.clearProperty(GpuStandIn.COUNT);
    }

    /// @param settings `key=value` after `spark.`, separated by spaces
    private static SparkConf conf(String master, String settings) {
        SparkConf conf = new SparkConf(false).set("spark.master", master);
        for (String setting : settings.split(" ", -1)) {
            if (!setting.isEmpty()) {
                String[] parts = setting.split("=", 2);
                conf.set("spark." + parts[0], parts[1]);
            }
        }
        return conf;
    }

    @ParameterizedTest
    @CsvSource({
        "spark://host:7077, '', cpu",
        "spark://host:7077, executor.resource.gpu.amount=2 task.resource.gpu.amount=0.25, cuda",
        "spark://host:7077, driver.resource.gpu.amount=1, cpu",
        "k8s://host, executor.resource.gpu.amount=1 task.resource.gpu.amount=1, cuda",
        "local[*], '', cpu",
        "local[*], driver.resource.gpu.amount=2, cuda"
    })
    void autoIsAGpuWhereSparkGivesGpus(String master, String settings, String expected) {
        startGpusIf(master);
        assertThat(DeviceChoice.AUTO.in(conf(master, settings))).hasToString(expected);
        assertThat(DeviceChoice.parse("cpu").in(conf(master, settings))).isEqualTo(Device.CPU);
    }

    @ParameterizedTest
    @CsvSource({
        "cuda, local[*], ''",
        "cuda:1, local[*], ''",
        "cuda:1, spark://host:7077, ''",
        "cuda, yarn, executor.resource.gpu.amount=1 task.resource.gpu.amount=0.0625"
    })
    void aGpuThatEachTaskGetsIsTaken(String device, String master, String settings) {
        startGpusIf(master);
        assertThat(DeviceChoice.parse(device).in(conf(master, settings))).hasToString(device);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cuda | spark://host:7077 | '' | Spark gives executors no GPUs; set spark.executor.resource.gpu.amount",
                "cuda | yarn | executor.resource.gpu.amount=2 executor.cores=16 | tasks get none of them; set "
                        + "spark.task.resource.gpu.amount to 0.125",
                "auto | yarn | executor.resource.gpu.amount=2 executor.cores=16 | tasks get none of them",
                "cuda | yarn | executor.resource.gpu.amount=2 | to 1, or to GPUs / cores of an executor",
                "cuda | yarn | executor.resource.gpu.amount=2 task.resource.gpu.amount=2 | a task computes on one GPU, "
                        + "and spark.task.resource.gpu.amount is 2",
                "cuda:1 | yarn | executor.resource.gpu.amount=2 | names a GPU, but Spark gives executors theirs",
                "cuda | local[2] | '' | --device cuda: no NVIDIA driver (libcuda.so.1)",
                "auto | local[2] | driver.resource.gpu.amount=1 | --device cuda: no NVIDIA driver (libcuda.so.1)",
                "auto | local[2] | executor.resource.gpu.amount=1 | in local mode, as in a dry run without --probe"
            })
    void settingsThatGiveTasksNoGpuAreRefused(String device, String master, String settings, String message) {
        assertThatThrownBy(() -> DeviceChoice.parse(device).in(conf(master, settings)))
                .isInstanceOf(Refusal.class)
                .hasMessageStartingWith("--device ")
                .hasMessageContaining(message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpu", "cuda:", ""})
    void anUnknownDeviceIsRefused(String text) {
        assertThatThrownBy(() -> DeviceChoice.parse(text))
                .hasMessage("there is no device '%s'; there are auto, cpu, cuda, and cuda:N for the GPU with number N"
                        .formatted(text));
    }
}
