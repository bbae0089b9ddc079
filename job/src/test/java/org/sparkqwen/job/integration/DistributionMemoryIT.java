package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.MappedPages;
import org.sparkqwen.job.testing.RandomCheckpoint;
import org.sparkqwen.job.testing.SparkProcess;
import org.sparkqwen.job.testing.StandaloneCluster;

/// A model of 1.2 GB is broadcast through a driver of 512 MB and executors of 640 MB of heap, near the least with which
/// Spark starts. The heap that is needed does not grow with the model. Both executors are on one host, which packs once
/// and maps once.
@Tag("slow")
class DistributionMemoryIT {
    private static final PublishedShape SHAPE = PublishedShape.of(System.getProperty("distribution.shape", "0.6b"));
    private static final String DRIVER_HEAP = System.getProperty("distribution.driver", "512m");
    private static final String EXECUTOR_HEAP = System.getProperty("distribution.executor", "640m");

    /// The pattern of a log line such as
    /// `[3.456s][info][gc] GC(12) Pause Young (Normal) (G1 Evacuation Pause) 231M->98M(384M) 5.1ms`.
    private static final Pattern COLLECTION = Pattern.compile("(\\d+)M->(\\d+)M\\((\\d+)M\\)");

    @TempDir
    private Path directory = Path.of("");

    @Test
    void smallHeapsBroadcastALargeModel() throws IOException {
        Path model = directory.resolve("random-" + SHAPE.label());
        RandomCheckpoint.write(SHAPE, model);
        Path cache = directory.resolve("cache");
        try (StandaloneCluster cluster =
                StandaloneCluster.start(directory, worker -> Map.of(CacheDirectory.VARIABLE, cache.toString()))) {
            try (SparkProcess run =
                    SparkProcess.start(directory.resolve("submit.log"), command(cluster.url(), model))) {
                List<MappedPages> pages = new ArrayList<>();
                while (run.isAlive()) {
                    List<MappedPages> now = new ArrayList<>();
                    cluster.executors().forEach(executor -> now.addAll(MappedPages.of(executor)));
                    if (now.size() == 2) {
                        pages = now;
                    }
                    SparkProcess.sleep(500);
                }
                assertThat(run.awaitEnd()).as(run.output()).isZero();
                assertThat(run.output()).doesNotContain("OutOfMemoryError");
                print("driver of " + DRIVER_HEAP, directory.resolve("driver.gc"));
                for (Path log : executorLogs()) {
                    print("executor of " + EXECUTOR_HEAP, log);
                }
                System.out.println("smaps of the executors: " + pages);
                assertThat(pages).hasSize(2);
                assertThat(pages.getFirst().inode()).isEqualTo(pages.getLast().inode());
            }
        }
        List<Row> rows = LocalSpark.session()
                .read()
                .parquet(directory.resolve("out").toString())
                .collectAsList();
        assertThat(rows).hasSize(8).allMatch(row -> row.isNullAt(row.fieldIndex("error")));
    }

    private List<String> command(String master, Path model) {
        List<String> options = new ArrayList<>(List.of("--executor-memory", EXECUTOR_HEAP));
        options.addAll(List.of(
                "--conf",
                "spark.executor.extraJavaOptions=-Xlog:gc:file=%s/executor-%%p.gc".formatted(directory.toString())));
        List<String> command = SparkProcess.submitCommand(
                master,
                options,
                "score",
                "--model",
                model.toString(),
                "--model-distribution",
                "broadcast",
                "--input",
                LocalSpark.CORPUS,
                "--output",
                directory.resolve("out").toString(),
                "--limit",
                "8",
                "--context",
                "64",
                "--batch-tokens",
                "256");
        command.addAll(1, List.of("-Xmx" + DRIVER_HEAP, "-Xlog:gc:file=" + directory.resolve("driver.gc")));
        return command;
    }

    private List<Path> executorLogs() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().matches("executor-\\d+\\.gc"))
                    .toList();
        }
    }

    private static void print(String who, Path log) {
        try {
            int peak = 0;
            int live = 0;
            Matcher matcher = COLLECTION.matcher(Files.readString(log));
            while (matcher.find()) {
                peak = Math.max(peak, Integer.parseInt(matcher.group(1)));
                live = Math.max(live, Integer.parseInt(matcher.group(2)));
            }
            System.out.printf("%s: at most %d MB before a collection, %d MB after one%n", who, peak, live);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
