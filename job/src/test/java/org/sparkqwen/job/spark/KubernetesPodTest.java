package org.sparkqwen.job.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.k8s.KubernetesDriverConf;
import org.apache.spark.deploy.k8s.KubernetesExecutorConf;
import org.apache.spark.deploy.k8s.SparkPod;
import org.apache.spark.deploy.k8s.submit.JavaMainAppResource;
import org.apache.spark.deploy.k8s.submit.KubernetesDriverBuilder;
import org.apache.spark.internal.config.package$;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfile$;
import org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBuilder;
import org.apache.spark.util.SystemClock;
import org.apache.spark.util.Utils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.testing.SparkProcess;
import scala.Option;

/// The pods that Spark's own module for Kubernetes makes of `conf/kubernetes.conf`, without a cluster.
class KubernetesPodTest {
    private static final long MIB = 1 << 20;
    private static final String JAR = "local:///opt/spark-qwen/spark-qwen.jar";

    /// Spark keeps the default resources for a JVM, and other tests have others.
    @AfterEach
    void forgetTheResources() {
        ResourceProfile$.MODULE$.clearDefaultProfile();
    }

    private static SparkConf profile() {
        SparkConf conf = new SparkConf(false)
                .set("spark.app.name", "spark-qwen")
                .set("spark.master", "k8s://https://localhost:6443");
        Utils.getPropertiesFromFile(SparkProcess.CONF.resolve("kubernetes.conf").toString())
                .foreach(entry -> conf.set(entry._1, entry._2));
        return conf;
    }

    private static SparkPod executor(SparkConf conf) {
        conf.set("spark.driver.host", "driver").set("spark.driver.port", "7078"); // as a driver sets them
        return new KubernetesExecutorBuilder()
                .buildFromFeatures(
                        new KubernetesExecutorConf(
                                conf, "spark-1", "1", Option.empty(), ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID()),
                        new SecurityManager(conf, Option.empty(), package$.MODULE$.AUTH_SECRET_FILE()),
                        null, // the client, which only a template of a pod needs
                        ResourceProfile$.MODULE$.reInitDefaultProfile(conf))
                .pod();
    }

    private static SparkPod driver(SparkConf conf, String... arguments) {
        return new KubernetesDriverBuilder()
                .buildFromFeatures(
                        new KubernetesDriverConf(
                                conf,
                                "spark-1",
                                JavaMainAppResource.of(JAR),
                                "org.sparkqwen.job.cli.Main",
                                arguments,
                                Option.empty(),
                                new SystemClock()),
                        null)
                .pod();
    }

    /// Returns the memory of a container, which is its request and its limit.
    private static long memory(Container container) {
        long limit = Quantity.getAmountInBytes(
                        container.getResources().getLimits().get("memory"))
                .longValueExact();
        assertThat(Quantity.getAmountInBytes(
                                container.getResources().getRequests().get("memory"))
                        .longValueExact())
                .isEqualTo(limit);
        return limit;
    }

    private static Map<String, String> variables(Container container) {
        return container.getEnv().stream()
                .filter(variable -> variable.getValue() != null)
                .collect(Collectors.toMap(EnvVar::getName, EnvVar::getValue));
    }

    /// With the sizes that `inspect` and `--dry-run` name, the limit is the sum to the byte: Spark adds nothing.
    @ParameterizedTest
    @ValueSource(strings = {"0.6b", "4b"})
    void anExecutorsContainerHasTheMemoryThatIsCounted(String label) {
        PublishedShape shape = PublishedShape.of(label);
        ModelConfig config = shape.config(shape.layers());
        int batch = ExecutorOptions.DEFAULT_BATCH_TOKENS;
        SparkConf conf = profile();
        int cores = conf.getInt("spark.executor.cores", 0);
        long weights = Weights.layout(config, DType.BF16, WeightEncoding.STORED).bytes();
        long offHeap = WorkingMemory.scoring(config, batch, batch, cores).offHeap();
        ContainerMemory counted = ContainerMemory.of(weights, offHeap, cores);

        conf.set("spark.executor.memory", counted.heap() / MIB + "m");
        conf.set("spark.executor.memoryOverhead", counted.overhead() / MIB + "m");
        Container container = executor(conf).container();

        assertThat(memory(container)).isEqualTo(counted.heap() + counted.overhead());
        assertThat(variables(container)).containsEntry("SPARK_EXECUTOR_MEMORY", counted.heap() / MIB + "m");
    }

    @Test
    void theProfileMakesAnExecutor() {
        SparkPod pod = executor(profile());
        Container container = pod.container();
        assertThat(memory(container)).isEqualTo((2 + 12) * 1024 * MIB);
        assertThat(container.getResources().getRequests()).containsEntry("cpu", new Quantity("4"));
        assertThat(container.getResources().getLimits()).containsEntry("cpu", new Quantity("4"));
        assertThat(container.getImage()).isEqualTo("registry.example.com/spark-qwen:0.1.0");
        assertThat(container.getArgs()).containsExactly("executor");
        assertThat(variables(container))
                .containsEntry("SPARK_EXECUTOR_CORES", "4")
                .containsEntry("SPARK_EXECUTOR_MEMORY", "2048m");
        assertModels(pod);
    }

    @Test
    void theProfileMakesADriver() {
        SparkPod pod = driver(profile(), "score", "--model", "/models/Qwen3-4B-Base");
        Container container = pod.container();
        assertThat(memory(container)).isEqualTo((2 + 1) * 1024 * MIB);
        assertThat(container.getArgs()).startsWith("driver").endsWith(JAR, "score", "--model", "/models/Qwen3-4B-Base");
        assertThat(pod.pod().getSpec().getServiceAccountName()).isEqualTo("spark");
        assertModels(pod);
    }

    /// The volume of models is at `/models`, and nobody writes to it.
    private static void assertModels(SparkPod pod) {
        assertThat(pod.container().getVolumeMounts())
                .filteredOn(mount -> mount.getMountPath().equals("/models"))
                .singleElement()
                .satisfies(mount -> {
                    assertThat(mount.getReadOnly()).isTrue();
                    assertThat(pod.pod().getSpec().getVolumes())
                            .filteredOn(volume -> volume.getName().equals(mount.getName()))
                            .singleElement()
                            .satisfies(volume -> {
                                assertThat(volume.getPersistentVolumeClaim().getClaimName())
                                        .isEqualTo("models");
                                assertThat(volume.getPersistentVolumeClaim().getReadOnly())
                                        .isTrue();
                            });
                });
    }

    /// The lines that the profile offers keep the cache on the node, for executors only.
    @Test
    void theNodesDirectoryTakesThePlaceOfTheCache() {
        SparkConf conf = profile();
        String volume = "spark.kubernetes.executor.volumes.hostPath.cache.";
        conf.set(volume + "mount.path", "/var/cache/spark-qwen");
        conf.set(volume + "options.path", "/var/cache/spark-qwen");
        assertThat(mounts(driver(conf))).doesNotContain("/var/cache/spark-qwen");
        assertThat(mounts(executor(conf))).contains("/var/cache/spark-qwen");
    }

    private static List<String> mounts(SparkPod pod) {
        return pod.container().getVolumeMounts().stream()
                .map(VolumeMount::getMountPath)
                .toList();
    }
}
