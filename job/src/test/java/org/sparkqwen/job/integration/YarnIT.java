package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RandomCheckpoint;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.YarnCluster;

/// The job's jar runs on YARN with the profile `conf/yarn.conf`, in both deploy modes, and in containers whose memory
/// is checked. Each run must write what a local run writes.
@Tag("slow")
class YarnIT {
    @SuppressWarnings("NullAway.Init")
    private static YarnCluster cluster;

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void startCluster(@TempDir Path work) {
        assumeTrue(YarnCluster.exists(), "only the profile slow brings YARN");
        cluster = YarnCluster.start(work);
    }

    @AfterAll
    static void stopCluster() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void scoresInClientMode() {
        CommandRun run = cluster.submit("client", List.of(), score());
        assertThat(run.exitCode()).as(run.out() + cluster.containerLogs()).isZero();
        assertThat(run.out()).contains("Scored 220 rows", "is on all 2 exec");
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out("scores")));
    }

    @Test
    void scoresWithTheDriverInTheCluster() {
        CommandRun run = cluster.submit("cluster", List.of(), score());
        assertThat(run.exitCode()).as(run.out() + cluster.containerLogs()).isZero();
        assertThat(cluster.containerLogs()).contains("Scored 220 rows");
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out("scores")));
    }

    @Test
    void generatesInClientMode() {
        CommandRun local = CommandRun.of(generate("expected"));
        assertThat(local.exitCode()).as(local.out()).isZero();
        CommandRun run = cluster.submit("client", List.of(), generate("texts"));
        assertThat(run.exitCode()).as(run.out() + cluster.containerLogs()).isZero();
        assertThat(texts("texts")).isEqualTo(texts("expected")).isNotEmpty();
    }

    /// A container with 1,408 MiB has no room for 1.1 GiB of mapped weights beside a heap of 640 MiB.
    @Test
    void aContainerWithoutRoomForTheWeightsIsEnded() throws IOException {
        Path model = directory.resolve("model");
        RandomCheckpoint.write(PublishedShape.of("0.6b"), model);
        String[] command =
                LocalSpark.command(model, "score", LocalSpark.CORPUS, out("scores"), "--limit", "8", "--context", "64");
        CommandRun small =
                cluster.submit("client", List.of("spark.executor.instances=1", "spark.task.maxFailures=1"), command);
        assertThat(small.exitCode()).as(small.out()).isEqualTo(1);
        assertThat(cluster.nodeLog()).containsPattern("is running \\d+B beyond the 'PHYSICAL' memory limit");
        CommandRun enough = cluster.submit(
                "client", List.of("spark.executor.instances=1", "spark.executor.memoryOverhead=1792m"), command);
        assertThat(enough.exitCode()).as(enough.out() + cluster.containerLogs()).isZero();
    }

    private String[] score() {
        return LittleModel.command("score", ShortCorpus.file(), out("scores"), "--token-logprobs");
    }

    private String[] generate(String output) {
        return LittleModel.command("generate", LocalSpark.PROMPTS, out(output), "--max-new-tokens", "12");
    }

    private List<String> texts(String output) {
        return LocalSpark.sorted(LocalSpark.session().read().parquet(out(output)));
    }

    private String out(String name) {
        return directory.resolve(name).toString();
    }
}
