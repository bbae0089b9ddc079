package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.SparkConf;
import org.apache.spark.util.Utils;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.spark.ContainerMemory;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.MemoryGroup;
import org.sparkqwen.job.testing.RandomCheckpoint;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.SparkProcess;

/// An executor packs, scores and generates in a cgroup that has exactly the memory of its container, and is not killed.
/// Its heap is touched as a whole when it starts, so the test needs no luck with the collector.
///
/// The container of the shape `4b` is that of `conf/kubernetes.conf`. A container of another shape is made by the same
/// rules. `-Dcontainer.shape=4b -Dcontainer.minutes=7.5` scores for 7.5 minutes and generates for as long.
@Tag("slow")
class ContainerMemoryIT {
    private static final String SHAPE = System.getProperty("container.shape", "0.6b");
    private static final double MINUTES = Double.parseDouble(System.getProperty("container.minutes", "1"));

    /// A directory with a model of the shape, which spares the time of writing one.
    private static final Optional<Path> MODEL =
            Optional.ofNullable(System.getProperty("container.model")).map(Path::of);

    private static final int CORES = 4;

    /// The tokens of each text for each minute of the test. With so few, some texts end in time, also with 4B.
    private static final int TOKENS_A_MINUTE = 8;

    private static final long MIB = 1 << 20;
    private static final long KEYS_AND_VALUES = 1024 * MIB;

    /// The part of the weights that is in memory once an executor computes. Embeddings of rare tokens may never be.
    private static final double MOSTLY = 0.9;

    /// How long an executor may take to pack the model and to read it, and after its time for the first interval.
    private static final Duration PATIENCE = Duration.ofMinutes(8);

    @TempDir
    private Path directory = Path.of("");

    /// @param heap MiB of the Java heap
    /// @param overhead MiB beside the heap
    private record Container(long heap, long overhead, int cores) {
        long bytes() {
            return (heap + overhead) * MIB;
        }
    }

    @Test
    void anExecutorScoresAndGeneratesInTheMemoryOfItsContainer() throws IOException {
        Path model = MODEL.orElse(directory.resolve("random-" + SHAPE));
        if (MODEL.isEmpty()) {
            RandomCheckpoint.write(PublishedShape.of(SHAPE), model);
        }
        ModelConfig config = ModelConfig.read(model);
        long weights;
        try (WeightFiles files = WeightFiles.open(model, config.family().names())) {
            weights = Weights.layout(config, files, WeightEncoding.STORED).bytes();
        }
        int batch = ExecutorOptions.DEFAULT_BATCH_TOKENS;
        int cores = SHAPE.equals("4b") ? ofProfile().cores() : CORES;
        long offHeap = WorkingMemory.scoring(config, batch, batch, cores).offHeap();
        Container container = SHAPE.equals("4b") ? ofProfile() : of(weights, offHeap);
        long keysAndValues = container.overhead() * MIB - ContainerMemory.beside(weights, offHeap);
        System.out.printf(
                "container of %,d MiB: heap %,d, weights %,d, a batch %,d, KV cache %,d, the rest %,d%n",
                container.bytes() / MIB,
                container.heap(),
                weights / MIB,
                offHeap / MIB,
                keysAndValues / MIB,
                (container.overhead() * MIB - weights - offHeap - keysAndValues) / MIB);

        Optional<MemoryGroup> made = MemoryGroup.limitedTo(container.bytes());
        assumeTrue(made.isPresent(), "no cgroup can be made here");
        try (MemoryGroup group = made.get();
                SparkProcess master = SparkProcess.master(directory)) {
            String url = master.await("Starting Spark master at (spark://\\S+)");
            Map<String, String> environment = Map.of(
                    "JAVA_HOME",
                    group.javaHome(directory.resolve("java"), Path.of(System.getProperty("java.home")))
                            .toString(),
                    CacheDirectory.VARIABLE,
                    directory.resolve("cache").toString());
            try (SparkProcess worker =
                    SparkProcess.worker(directory, 1, url, environment, container.cores(), List.of())) {
                worker.await("(Successfully registered) with master");
                String[] score = LocalSpark.command(
                        model, "score", LocalSpark.CORPUS, directory.resolve("score"), "--checkpoint-rows", "4");
                work(group, worker, url, container, weights, score);

                String[] generate = LocalSpark.command(
                        model,
                        "generate",
                        LocalSpark.PROMPTS,
                        directory.resolve("generate"),
                        "--samples",
                        "64", // at a time
                        "--ignore-eos",
                        "--max-new-tokens",
                        Long.toString(Math.round(Math.clamp(MINUTES * TOKENS_A_MINUTE, 16, 200))),
                        "--checkpoint-rows",
                        "1",
                        "--temperature",
                        "1",
                        "--memory",
                        keysAndValues / MIB + "m"); // what an executor on Kubernetes takes by itself
                work(group, worker, url, container, weights, generate);
            }
        }
    }

    private static Container ofProfile() {
        SparkConf conf = new SparkConf(false);
        Utils.getPropertiesFromFile(SparkProcess.CONF.resolve("kubernetes.conf").toString())
                .foreach(entry -> conf.set(entry._1, entry._2));
        return new Container(
                conf.getSizeAsMb("spark.executor.memory"),
                conf.getSizeAsMb("spark.executor.memoryOverhead"),
                conf.getInt("spark.executor.cores", CORES));
    }

    private static Container of(long weights, long offHeap) {
        ContainerMemory memory = ContainerMemory.of(weights, offHeap, CORES);
        return new Container(memory.heap() / MIB, (memory.overhead() + KEYS_AND_VALUES) / MIB, CORES);
    }

    /// Runs a job until all weights are in memory, and from then on for the time that is set, and until an interval
    /// is committed. Then it ends the driver.
    private void work(
            MemoryGroup group, SparkProcess worker, String url, Container container, long weights, String... command)
            throws IOException {
        Path logs = Files.createDirectory(directory.resolve("driver-of-" + command[0]));
        List<String> options = new ArrayList<>();
        for (String setting : List.of(
                "spark.executor.memory=%dm".formatted(container.heap()),
                "spark.executor.memoryOverhead=%dm".formatted(container.overhead()),
                "spark.executor.extraJavaOptions=-Xms%dm -XX:+AlwaysPreTouch".formatted(container.heap()))) {
            options.addAll(List.of("--conf", setting));
        }
        Duration time = Duration.ofSeconds(Math.round(60 * MINUTES));
        Instant begin = Instant.now();
        Instant end = begin.plus(PATIENCE);
        boolean isWarm = false;
        Set<Long> executors = new TreeSet<>();
        long own = 0;
        long mapped = 0;
        long all = 0;
        try (SparkProcess run = SparkProcess.startSubmit(logs, url, options, command)) {
            while (run.isAlive() && isGoingOn(end, command[0])) {
                worker.executors().forEach(executor -> executors.add(executor.pid()));
                own = Math.max(own, group.own());
                mapped = Math.max(mapped, group.mapped());
                all = Math.max(all, group.all());
                if (!isWarm && mapped > MOSTLY * weights) {
                    isWarm = true;
                    end = Instant.now().plus(time);
                }
                SparkProcess.sleep(200);
            }
            int intervals = RunFiles.committed(directory.resolve(command[0])).size();
            System.out.printf(
                    "%s for %d s: at most %,d MiB of its own, %,d MiB mapped, %,d of %,d MiB in all; %d intervals%n",
                    command[0],
                    Duration.between(begin, Instant.now()).toSeconds(),
                    own / MIB,
                    mapped / MIB,
                    all / MIB,
                    container.bytes() / MIB,
                    intervals);
            assertThat(group.kills()).as(run.output()).isZero();
            assertThat(executors).as(run.output()).hasSize(1);
            assertThat(isWarm).as("all weights are in memory: " + run.output()).isTrue();
            assertThat(own).as("weights have room beside").isLessThan(container.bytes() - weights);
            assertThat(run.isAlive() ? 0 : run.awaitEnd()).as(run.output()).isZero();
            assertThat(intervals).as(run.output()).isPositive();
        }
        while (!worker.executors().isEmpty()) { // the next job's is another
            SparkProcess.sleep(200);
        }
    }

    /// Whether a run has time left, or no interval yet and some patience.
    private boolean isGoingOn(Instant end, String command) throws IOException {
        Instant now = Instant.now();
        return now.isBefore(end)
                || (now.isBefore(end.plus(PATIENCE))
                        && RunFiles.committed(directory.resolve(command)).isEmpty());
    }
}
