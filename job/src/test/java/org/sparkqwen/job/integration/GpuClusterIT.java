package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.GpuStandIn;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// A standalone worker announces two GPUs with the discovery script, and Spark gives them to executors and tasks. The
/// kernels are a stand-in that computes with the scalar kernels, because there need not be a GPU here.
///
/// `DeviceOptionTest` and `DeviceChoiceTest` are the short form, without processes.
@Tag("slow")
class GpuClusterIT {
    private static final String SCRIPT =
            SparkProcess.CONF.resolve("discover-gpus.sh").toString();

    @SuppressWarnings("NullAway.Init")
    private static SparkProcess master;

    @SuppressWarnings("NullAway.Init")
    private static SparkProcess worker;

    @SuppressWarnings("NullAway.Init")
    private static Path logs;

    @SuppressWarnings("NullAway.Init")
    private static String url;

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void startCluster(@TempDir Path temporary) {
        logs = temporary;
        master = SparkProcess.master(logs);
        url = master.await("Starting Spark master at (spark://\\S+)");
        worker = SparkProcess.worker(
                logs,
                1,
                url,
                Map.of("CUDA_VISIBLE_DEVICES", "4,6"), // two GPUs, which the script counts from 0
                2,
                List.of(
                        "-Dspark.worker.resource.gpu.amount=2",
                        "-Dspark.worker.resource.gpu.discoveryScript=" + SCRIPT));
        worker.await("(Successfully registered) with master");
    }

    @AfterAll
    static void stopCluster() {
        worker.close();
        master.close();
    }

    /// Each of two executors with one core has a GPU. One of them loses it, and another executor takes its place.
    @Test
    void executorsComputeOnTheirGpusAndOneThatLosesItsGpuIsReplaced() throws IOException {
        Path loss = Files.createFile(directory.resolve("loss"));
        CommandRun run = score(1, 1, "1", 2, "-D%s=%s".formatted(GpuStandIn.LOSS, loss));
        assertThat(run.exitCode()).as(run.out() + executors()).isZero();
        assertThat(run.out()).contains("Scored 220 rows");
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out()));
        assertThat(models()).allMatch(model -> model.endsWith("/cuda"));
        assertThat(executors())
                .contains("cuda:0 is Stand-in with driver 0.0", "cuda:1 is Stand-in with driver 0.0")
                .contains("kernels: stand-in for cuda:0", "kernels: stand-in for cuda:1")
                .contains("the GPU is lost; this executor ends");
        assertThat(loss).doesNotExist();
    }

    /// One executor has both GPUs and an engine for each, and each of its tasks has one of them.
    @Test
    void anExecutorWithTwoGpusHasTwoEngines() {
        CommandRun run = score(2, 2, "1", 2);
        assertThat(run.exitCode()).as(run.out() + executors()).isZero();
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out()));
        assertThat(executors()).contains("kernels: stand-in for cuda:0", "kernels: stand-in for cuda:1");
    }

    /// Tasks share the engine of their GPU, and hosts without a driver say so.
    @Test
    void aHostWithoutADriverFailsWithOneLine() {
        CommandRun run = score(2, 1, "0.5", 0);
        assertThat(run.exitCode()).as(run.out()).isEqualTo(1);
        assertThat(run.out().lines().filter(line -> line.startsWith("spark-qwen score: ")))
                .singleElement()
                .asString()
                .contains("the device cuda:", " cannot be used: " + GpuStandIn.NO_DRIVER);
    }

    /// In local mode the tasks share the GPUs of the driver.
    @Test
    void aLocalDriverWithTwoGpusHasTwoEngines() {
        CommandRun run = score(
                "local[2]",
                Map.of(GpuStandIn.VARIABLE, "2", "CUDA_VISIBLE_DEVICES", "0,1"),
                List.of("spark.driver.resource.gpu.amount=2", "spark.driver.resource.gpu.discoveryScript=" + SCRIPT));
        assertThat(run.exitCode()).as(run.out()).isZero();
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out()));
        assertThat(run.out())
                .contains("device cuda, because spark.driver.resource.gpu.amount is 2")
                .contains("kernels: stand-in for cuda:0", "kernels: stand-in for cuda:1");
    }

    /// @param cores the cores of an executor
    /// @param ofExecutor the GPUs of an executor
    /// @param ofTask the GPUs of a task
    /// @param gpus how many GPUs a process sees
    private CommandRun score(int cores, int ofExecutor, String ofTask, int gpus, String... executorOptions) {
        List<String> executor = new ArrayList<>(SparkProcess.quickOptions());
        executor.add("-D%s=%d".formatted(GpuStandIn.COUNT, gpus));
        executor.addAll(List.of(executorOptions));
        return score(
                url,
                Map.of(GpuStandIn.VARIABLE, "0"),
                List.of(
                        "spark.executor.extraJavaOptions=" + String.join(" ", executor),
                        "spark.executor.cores=" + cores,
                        "spark.executor.memory=512m",
                        "spark.executor.memoryOverhead=512m",
                        "spark.executor.resource.gpu.amount=" + ofExecutor,
                        "spark.task.resource.gpu.amount=" + ofTask));
    }

    /// @param ofDriver variables of the driver
    /// @param settings `key=value`
    private CommandRun score(String master, Map<String, String> ofDriver, List<String> settings) {
        List<String> options =
                new ArrayList<>(List.of("--jars", standIn().toString(), "--conf", "spark.log.level=INFO"));
        settings.forEach(setting -> options.addAll(List.of("--conf", setting)));
        String[] command = LocalSpark.command(
                LittleModel.directory(),
                "score",
                ShortCorpus.file(),
                out(),
                "--token-logprobs",
                "--checkpoint-rows",
                "60");
        try (SparkProcess submit = SparkProcess.startSubmit(directory, master, ofDriver, options, command)) {
            return new CommandRun(submit.awaitEnd(), submit.output(), submit.output());
        }
    }

    /// Writes the stand-in into a jar, which spark-submit gives to all processes.
    private Path standIn() {
        Path jar = directory.resolve("stand-in.jar");
        String name = GpuStandIn.class.getName();
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream entries = new JarOutputStream(file)) {
            String path = name.replace('.', '/') + ".class";
            entries.putNextEntry(new JarEntry(path));
            try (var bytes = GpuStandIn.class.getResourceAsStream("/" + path)) {
                entries.write(bytes.readAllBytes());
            }
            entries.putNextEntry(new JarEntry("META-INF/services/" + KernelProvider.class.getName()));
            entries.write(name.getBytes(StandardCharsets.UTF_8));
            return jar;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<String> models() {
        return LocalSpark.session().read().parquet(out()).select("model").distinct().collectAsList().stream()
                .map(row -> row.getString(0))
                .toList();
    }

    private String out() {
        return directory.resolve("out").toString();
    }

    /// Returns what all executors have logged.
    private static String executors() {
        try (Stream<Path> files = Files.walk(logs.resolve("work-1"))) {
            StringBuilder all = new StringBuilder();
            for (Path file :
                    files.filter(path -> path.endsWith("stderr")).sorted().toList()) {
                all.append(Files.readString(file));
            }
            return all.toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
