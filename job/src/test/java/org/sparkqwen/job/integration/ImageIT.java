package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.spark.ContainerMemory;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.SparkProcess;

/// Builds the image of `conf/docker`, and runs a driver and an executor in containers of it, as Kubernetes does: by the
/// entrypoint of Spark's image, as its user, and with the memory of the pods.
///
/// `-Dimage.tool=podman` takes another program than docker, and `-Dimage.base=NAME` another image of Spark.
@Tag("slow")
class ImageIT {
    private static final String TOOL = System.getProperty("image.tool", "docker");
    private static final Path ROOT =
            SparkProcess.CONF.resolveSibling("").toAbsolutePath().normalize();
    private static final String IMAGE =
            "spark-qwen-test:" + ProcessHandle.current().pid();
    private static final String JAR = "local:///opt/spark-qwen/spark-qwen.jar";
    private static final String LOCALHOST = "127.0.0.1";
    private static final int CORES = 2;
    private static final long MIB = 1 << 20;

    @TempDir
    private Path directory = Path.of("");

    private record Finished(int exitCode, String output) {}

    private static Finished tool(String... arguments) {
        List<String> command = new ArrayList<>(List.of(TOOL));
        command.addAll(List.of(arguments));
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Finished(process.waitFor(), output);
        } catch (IOException e) {
            return new Finished(-1, e.toString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @BeforeAll
    static void build() throws IOException {
        assumeTrue(tool("version").exitCode() == 0, "no images can be built here, because there is no " + TOOL);
        String base = System.getProperty("image.base", baseOfDockerfile());
        assumeTrue(
                tool("image", "inspect", base).exitCode() == 0
                        || tool("pull", base).exitCode() == 0,
                "no image can be built here, because there is no " + base);
        Finished built = tool(
                "build",
                "-f",
                SparkProcess.CONF.resolve("docker/Dockerfile").toString(),
                "--build-arg",
                "SPARK_IMAGE=" + base,
                "-t",
                IMAGE,
                ROOT.toString());
        assertThat(built.exitCode()).as(built.output()).isZero();
    }

    @AfterAll
    static void remove() {
        tool("rmi", "-f", IMAGE);
    }

    private static String baseOfDockerfile() throws IOException {
        Matcher line = Pattern.compile("(?m)^ARG SPARK_IMAGE=(\\S+)$")
                .matcher(Files.readString(SparkProcess.CONF.resolve("docker/Dockerfile")));
        assertThat(line.find()).isTrue();
        return line.group(1);
    }

    @Test
    void theImageHasTheJarAndACacheAndNoModel() {
        Finished run = tool(
                "run",
                "--rm",
                IMAGE,
                "bash",
                "-c",
                "id -u; stat -c '%u %a %n' /var/cache/spark-qwen /opt/spark-qwen/spark-qwen.jar;"
                        + " find /opt /var -name '*.safetensors' -o -name '*.gguf' 2>/dev/null || true");
        assertThat(run.exitCode()).as(run.output()).isZero();
        assertThat(run.output().lines())
                .containsExactly("185", "185 755 /var/cache/spark-qwen", "0 644 /opt/spark-qwen/spark-qwen.jar");
    }

    /// The executor has exactly the memory that `inspect` names for the sample model. Its heap is touched as a
    /// whole at the start.
    @Test
    void aDriverAndAnExecutorScoreInContainersOfTheImage() throws IOException {
        Path out = Files.createDirectory(directory.resolve("out"));
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(out, PosixFilePermissions.fromString("rwxrwxrwx"));
        ContainerMemory memory = memory();
        String heap = memory.heap() / MIB + "m";
        int port = freePort();
        String driverName = IMAGE.replace(':', '-') + "-driver";
        String executorName = IMAGE.replace(':', '-') + "-executor";
        try (SparkProcess master = SparkProcess.master(directory)) {
            String url = master.await("Starting Spark master at (spark://\\S+)");
            List<String> driver = container(driverName, out);
            driver.addAll(List.of("-e", "SPARK_DRIVER_BIND_ADDRESS=" + LOCALHOST, IMAGE, "driver"));
            driver.addAll(List.of("--properties-file", "/opt/spark-qwen/conf/kubernetes.conf", "--master", url));
            for (String setting : List.of(
                    "spark.driver.host=" + LOCALHOST,
                    "spark.driver.port=" + port,
                    "spark.executor.cores=" + CORES,
                    "spark.executor.memory=" + heap,
                    "spark.ui.enabled=false")) {
                driver.addAll(List.of("--conf", setting));
            }
            driver.addAll(List.of("--class", "org.sparkqwen.job.cli.Main", JAR));
            driver.addAll(score("/samples", "/out/scores"));
            try (SparkProcess driving = SparkProcess.start(directory.resolve("driver.log"), driver)) {
                List<String> executor = container(executorName, out);
                long limit = memory.heap() + memory.overhead();
                executor.addAll(List.of("--memory", Long.toString(limit), "--memory-swap", Long.toString(limit)));
                List<String> variables = new ArrayList<>(List.of(
                        "SPARK_APPLICATION_ID=" + driving.await("app ID (app-\\S+)"),
                        "SPARK_DRIVER_URL=spark://CoarseGrainedScheduler@%s:%d".formatted(LOCALHOST, port),
                        "SPARK_EXECUTOR_CORES=" + CORES,
                        "SPARK_EXECUTOR_ID=1",
                        "SPARK_EXECUTOR_MEMORY=" + heap,
                        "SPARK_EXECUTOR_POD_IP=" + LOCALHOST,
                        "SPARK_EXECUTOR_POD_NAME=executor-1",
                        "SPARK_RESOURCE_PROFILE_ID=0",
                        "SPARK_JAVA_OPT_0=-XX:+AlwaysPreTouch"));
                for (String option :
                        List.of(JavaModuleOptions.defaultModuleOptions().split("\\s+"))) {
                    variables.add("SPARK_JAVA_OPT_%d=%s".formatted(variables.size(), option));
                }
                variables.forEach(variable -> executor.addAll(List.of("-e", variable)));
                executor.addAll(List.of(IMAGE, "executor"));
                try (SparkProcess executing = SparkProcess.start(directory.resolve("executor.log"), executor)) {
                    assertThat(driving.awaitEnd())
                            .as(driving.output() + executing.output())
                            .isZero();
                    assertThat(driving.output()).contains("Scored 40 rows");
                    assertThat(executing.awaitEnd()).as(executing.output()).isZero();
                }
            }
        } finally {
            tool("rm", "-f", driverName, executorName);
        }
        List<String> local =
                score(LocalSpark.SAMPLES.toString(), directory.resolve("local").toString());
        CommandRun expected = CommandRun.of(local.toArray(String[]::new));
        assertThat(expected.exitCode()).as(expected.out()).isZero();
        assertThat(rows(out.resolve("scores"))).isEqualTo(rows(directory.resolve("local")));
    }

    /// Returns the start of a command that runs a container with the samples and a directory for outputs.
    private static List<String> container(String name, Path out) {
        return new ArrayList<>(List.of(
                TOOL,
                "run",
                "--name",
                name,
                "--network",
                "host",
                "-v",
                LocalSpark.SAMPLES + ":/samples:ro",
                "-v",
                out + ":/out"));
    }

    private static List<String> score(String samples, String output) {
        return List.of(
                "score",
                "--model",
                samples + "/tiny-qwen3",
                "--input",
                samples + "/corpus.parquet",
                "--limit",
                "40",
                "--output",
                output);
    }

    private static List<String> rows(Path output) {
        return LocalSpark.sorted(LocalSpark.session().read().parquet(output.toString()));
    }

    private static ContainerMemory memory() throws IOException {
        ModelConfig config = ModelConfig.read(LocalSpark.MODEL);
        int batch = ExecutorOptions.DEFAULT_BATCH_TOKENS;
        try (WeightFiles files =
                WeightFiles.open(LocalSpark.MODEL, config.family().names())) {
            long weights = Weights.layout(config, files, WeightEncoding.STORED).bytes();
            return ContainerMemory.of(
                    weights, WorkingMemory.scoring(config, batch, batch, CORES).offHeap(), CORES);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
