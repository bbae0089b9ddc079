package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.SparkProcess;

/// A seed gives the same sampled and constrained texts on one executor and on three.
class SeedClusterIT {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void oneExecutorAndThreeGiveTheSameTexts() {
        List<String> one = texts(1, 7);
        assertThat(one).hasSize(72);
        assertThat(texts(3, 7)).isEqualTo(one);
        assertThat(texts(3, 8)).as("another seed").doesNotContainAnyElementsOf(one);
    }

    private List<String> texts(int executors, int seed) {
        String output =
                directory.resolve("texts-%d-%d".formatted(executors, seed)).toString();
        CommandRun run = SparkProcess.submit(
                directory,
                "local-cluster[%d,1,1024]".formatted(executors),
                List.of(),
                LittleModel.command(
                        "generate",
                        LocalSpark.PROMPTS,
                        output,
                        "--template",
                        "{prompt} ({id}), in a word or two: ",
                        "--regex",
                        "[A-Z][a-z]{4,9} [a-z]{4,9}\\.",
                        "--samples",
                        "3",
                        "--temperature",
                        "1.2",
                        "--top-p",
                        "0.98",
                        "--presence-penalty",
                        "0.5",
                        "--seed",
                        Integer.toString(seed)));
        assertThat(run.exitCode()).as(run.out()).isZero();
        return LocalSpark.sorted(LocalSpark.session()
                .read()
                .parquet(output)
                .selectExpr("id", "sample", "generated_text", "sum_logprob", "token_ids"));
    }
}
