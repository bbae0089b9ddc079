package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
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
    @Tag("slow")
    void oneExecutorAndThreeGiveTheSameTexts() {
        List<String> one = texts(onExecutors(1), "one", 7);
        assertThat(one).hasSize(72);
        assertThat(texts(onExecutors(3), "three", 7)).isEqualTo(one);
        assertThat(texts(CommandRun::of, "other", 8)).as("another seed").doesNotContainAnyElementsOf(one);
    }

    private Function<String[], CommandRun> onExecutors(int executors) {
        String master = "local-cluster[%d,1,1024]".formatted(executors);
        return command -> SparkProcess.submit(directory, master, List.of(), command);
    }

    private List<String> texts(Function<String[], CommandRun> start, String name, int seed) {
        String output = directory.resolve("texts-" + name).toString();
        CommandRun run = start.apply(LittleModel.command(
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
