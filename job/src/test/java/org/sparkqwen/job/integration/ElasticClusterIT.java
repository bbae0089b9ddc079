package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;
import org.sparkqwen.job.testing.StandaloneCluster;

/// Executors come and go, tasks run twice, and plans are adapted or not, on a standalone cluster whose two executors
/// are on one host. Each run must write every row once, with the bits of a local run.
@Tag("slow")
class ElasticClusterIT {
    @SuppressWarnings("NullAway.Init")
    private static StandaloneCluster cluster;

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void startCluster(@TempDir Path logs) {
        cluster = StandaloneCluster.start(logs);
    }

    @AfterAll
    static void stopCluster() {
        cluster.close();
    }

    /// The run starts without executors, asks for them, and gives them back.
    @Test
    void dynamicAllocation() {
        try (SparkProcess run = start(
                "spark.dynamicAllocation.enabled=true",
                "spark.dynamicAllocation.shuffleTracking.enabled=true",
                "spark.dynamicAllocation.minExecutors=0",
                "spark.dynamicAllocation.executorIdleTimeout=1s")) {
            assertScored(run);
            assertThat(run.output()).containsPattern("Requesting \\d+ new executor");
        }
    }

    /// An executor that is told to go finishes its tasks. The other one does the rest, and no task counts as
    /// failed.
    @Test
    void decommissioning() {
        try (SparkProcess run = start("spark.decommission.enabled=true", "spark.task.maxFailures=1")) {
            awaitCommit();
            SparkProcess.signal(cluster.executors().getFirst(), "PWR");
            assertScored(run);
            assertThat(run.output()).containsPattern("(?i)decommission\\w* executor");
        }
    }

    /// An executor that stands still has its tasks copied. When it goes on, both copies end, and one of them
    /// counts.
    @Test
    void speculativeExecution() {
        try (SparkProcess run = start(
                "spark.speculation=true",
                "spark.speculation.interval=100ms",
                "spark.speculation.quantile=0.3",
                "spark.speculation.multiplier=1.1",
                "spark.speculation.task.duration.threshold=1s")) { // for stages of one task, which have no others
            awaitCommit();
            ProcessHandle slow = cluster.executors().getFirst();
            SparkProcess.signal(slow, "STOP");
            for (int i = 0; i < 200 && !run.output().contains("as speculatable"); i++) {
                SparkProcess.sleep(100);
            }
            SparkProcess.sleep(2000);
            SparkProcess.signal(slow, "CONT");
            assertScored(run);
            assertThat(run.output()).contains("as speculatable");
        }
    }

    /// Adaptive plans are Spark's default, so all other tests have them.
    @Test
    void withoutAdaptivePlans() {
        try (SparkProcess run = start("spark.sql.adaptive.enabled=false")) {
            assertScored(run);
        }
    }

    private SparkProcess start(String... settings) {
        List<String> options = new ArrayList<>(List.of("--conf", "spark.log.level=INFO"));
        for (String setting : settings) {
            options.addAll(List.of("--conf", setting));
        }
        return SparkProcess.startSubmit(
                directory,
                cluster.url(),
                options,
                LittleModel.command("score", ShortCorpus.file(), out(), "--token-logprobs", "--checkpoint-rows", "20"));
    }

    private void awaitCommit() {
        while (!Files.exists(out().resolve("_spark_qwen/commits/00000.json"))) {
            SparkProcess.sleep(10);
        }
    }

    private void assertScored(SparkProcess run) {
        assertThat(run.awaitEnd()).as(run.output()).isZero();
        assertThat(run.output()).contains("Scored 220 rows");
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out().toString()));
    }

    private Path out() {
        return directory.resolve("out");
    }
}
