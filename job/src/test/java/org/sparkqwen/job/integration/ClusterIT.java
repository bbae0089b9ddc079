package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.ScoreJobTest;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;
import org.sparkqwen.job.testing.StandaloneCluster;

/// The job's jar runs through spark-submit on clusters whose executors are separate processes. Each must write what a
/// local run writes.
class ClusterIT {
    @TempDir
    private Path directory = Path.of("");

    /// `S3IT` runs the same in every build, with a model and files in a store.
    @Test
    @Tag("slow")
    void localClusterScoresWhatALocalRunScores() {
        CommandRun run = SparkProcess.submit(
                directory,
                "local-cluster[2,1,1024]",
                List.of(),
                LittleModel.command("score", ShortCorpus.file(), out(), "--token-logprobs"));
        assertThat(run.exitCode()).as(run.out()).isZero();
        assertThat(run.out()).contains("Scored 220 rows");
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out()));
    }

    @Test
    void standaloneClusterScoresWhatALocalRunScores() {
        try (StandaloneCluster cluster = StandaloneCluster.start(directory)) {
            CommandRun score =
                    cluster.submit(LocalSpark.command("score", ShortCorpus.file(), out(), "--token-logprobs"));
            assertThat(score.exitCode()).as(score.out()).isZero();
            assertThat(score.out())
                    .contains("Model distribution: shared, for %s is on all 2 exec".formatted(LocalSpark.MODEL));
            assertSameScores();
            assertThat(cluster.workerLogs()).allSatisfy(log -> assertThat(log).contains("Asked to launch executor"));
        }
    }

    private void assertSameScores() {
        Dataset<Row> corpus = LocalSpark.session().read().parquet(ShortCorpus.file());
        List<String> expected = ShortCorpus.compared(ScoreJobTest.score(LocalSpark.model(), corpus, List.of("id")));
        assertThat(expected).hasSize(ShortCorpus.ROWS);
        assertThat(ShortCorpus.compared(LocalSpark.session().read().parquet(out())))
                .isEqualTo(expected);
    }

    private String out() {
        return directory.resolve("out").toString();
    }
}
