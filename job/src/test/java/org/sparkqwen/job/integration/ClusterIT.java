package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
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
/// local run writes. The tests share a standalone cluster.
class ClusterIT {
    private static final int PROMPTS = 24;
    private static final int PARTITIONS_OF_THE_KILLED = 6;

    /// The common beginning of all prompts, which has some blocks of the KV cache.
    private static final String TEMPLATE =
            "The following is a true account, written down by one who was there, and given here without a change: ";

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
        CommandRun score = cluster.submit(LittleModel.command("score", ShortCorpus.file(), out(), "--token-logprobs"));
        assertThat(score.exitCode()).as(score.out()).isZero();
        assertThat(score.out())
                .contains("Model distribution: shared, for %s is on all 2 exec".formatted(LittleModel.directory()));
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(out()));
        assertThat(cluster.workerLogs()).allSatisfy(log -> assertThat(log).contains("Asked to launch executor"));
    }

    /// The kernels are those that executors choose by themselves.
    @Test
    @Tag("slow")
    void standaloneClusterScoresWithTheSampleModelWhatALocalRunScores() {
        CommandRun score = cluster.submit(LocalSpark.command("score", ShortCorpus.file(), out(), "--token-logprobs"));
        assertThat(score.exitCode()).as(score.out()).isZero();
        Dataset<Row> corpus = LocalSpark.session().read().parquet(ShortCorpus.file());
        List<String> expected = ShortCorpus.compared(ScoreJobTest.score(LocalSpark.model(), corpus, List.of("id")));
        assertThat(expected).hasSize(ShortCorpus.ROWS);
        assertThat(ShortCorpus.compared(LocalSpark.session().read().parquet(out())))
                .isEqualTo(expected);
    }

    private String out() {
        return directory.resolve("out").toString();
    }

    /// Prompts of very different lengths run in one JVM and on two executors, cut and batched in different
    /// ways, and with an executor that is killed half way. The rows are always the same.
    @Test
    @Tag("slow")
    void partitionsBatchesAndAKilledExecutorChangeNoText() throws IOException {
        List<String> expected = generate(CommandRun::of, 1, 64);
        assertThat(expected).hasSize(PROMPTS).doesNotHaveDuplicates();
        assertThat(generate(CommandRun::of, 3, 1)).isEqualTo(expected);

        CompletableFuture<Boolean> killed = CompletableFuture.supplyAsync(this::killHalfWay);
        assertThat(generate(cluster::submit, PARTITIONS_OF_THE_KILLED, 64)).isEqualTo(expected);
        assertThat(killed.join()).as("an executor was killed").isTrue();
        assertThat(cluster.masterLog()).contains("Removing executor").contains("EXITED");
    }

    /// Returns each line of the output in JSON, sorted.
    private List<String> generate(Function<String[], CommandRun> start, int partitions, int maxSequences)
            throws IOException {
        Path input = directory.resolve("prompts-" + partitions);
        prompts().repartition(partitions).write().parquet(input.toString());
        Path output = output(partitions);
        CommandRun run = start.apply(LittleModel.command(
                "generate",
                input,
                output,
                "--max-new-tokens",
                "8",
                "--temperature",
                "0.8",
                "--max-sequences",
                Integer.toString(maxSequences),
                "--checkpoint-rows",
                "6"));
        assertThat(run.exitCode()).as(run.out()).isZero();
        JsonNode cache = new ObjectMapper()
                .readTree(output.resolve("_run.json").toFile())
                .get("summary")
                .get("prefix_cache");
        assertThat(cache.get("hit_rate").doubleValue()).as("%s", cache).isBetween(0.05, 0.95);
        return LocalSpark.session()
                .read()
                .parquet(output.toString())
                .toJSON()
                .sort("value")
                .collectAsList();
    }

    private Path output(int partitions) {
        return directory.resolve("texts-" + partitions);
    }

    /// Returns prompts with one word to some hundreds after the template.
    private static Dataset<Row> prompts() {
        List<String> words = LocalSpark.session()
                .read()
                .parquet(LocalSpark.CORPUS)
                .select("text")
                .as(Encoders.STRING())
                .limit(40)
                .collectAsList()
                .stream()
                .flatMap(text -> Stream.of(text.split("\\s+")))
                .toList();
        Random random = new Random(7);
        List<String> prompts = new ArrayList<>();
        for (int i = 0; i < PROMPTS; i++) {
            int count = 1 + (int) Math.exp(random.nextDouble() * Math.log(300));
            int from = random.nextInt(words.size() - count);
            prompts.add(TEMPLATE + i + ". " + String.join(" ", words.subList(from, from + count)));
        }
        return LocalSpark.session().createDataset(prompts, Encoders.STRING()).toDF("prompt");
    }

    /// Kills the executor of a worker, as `kill -9` does, when the second interval is written and the third begins.
    private boolean killHalfWay() {
        Path state = output(PARTITIONS_OF_THE_KILLED).resolve("_spark_qwen/commits");
        while (!Files.exists(output(PARTITIONS_OF_THE_KILLED).resolve("_SUCCESS"))) {
            if (Files.exists(state.resolve("00001.json"))) {
                return cluster.killExecutor(0);
            }
            SparkProcess.sleep(10);
        }
        return false;
    }
}
