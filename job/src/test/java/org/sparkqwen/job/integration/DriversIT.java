package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// Drivers that are separate processes, several on one output, and signals that end them.
class DriversIT {
    /// How many rows an interval has. With six, a driver is at work for about half a minute.
    private int checkpointRows = 6;

    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void ofTwoThatStartTogetherOneGoesOn() throws IOException {
        try (SparkProcess one = start("one");
                SparkProcess two = start("two")) {
            int[] exits = {one.awaitEnd(), two.awaitEnd()};
            assertThat(exits).as(one.output() + two.output()).containsExactlyInAnyOrder(0, 1);
            assertRefused(exits[0] == 1 ? one : two);
        }
        assertEveryRowOnce();
    }

    @Test
    void whileOneIsAtWorkOthersAreRefusedAndASignalEndsItWithAWord() throws IOException {
        try (SparkProcess first = start("first")) {
            awaitCommits(first, 2);
            try (SparkProcess second = start("second");
                    SparkProcess anew = start("anew", "--mode", "overwrite")) {
                assertThat(second.awaitEnd()).as(second.output()).isEqualTo(1);
                assertThat(anew.awaitEnd()).as(anew.output()).isEqualTo(1);
                assertRefused(second);
                assertRefused(anew);
            }
            int committed = RunFiles.committed(output()).size();
            assertThat(first.signal("INT")).as(first.output()).isEqualTo(130);
            assertThat(first.output())
                    .containsPattern("spark-qwen score: ended by SIGINT; \\d+ of 220 rows are done and kept: the same"
                            + " command goes on from there")
                    .doesNotContain("\tat ", "What was done before is kept");
            // Nothing comes after the report: no progress, and no errors of tasks that the end cuts short.
            assertThat(first.output().lines().toList().getLast()).startsWith("spark-qwen score: ended by SIGINT; ");
            assertThat(RunFiles.committed(output()).size()).isGreaterThanOrEqualTo(committed);
        }
        try (SparkProcess last = start("last")) {
            assertThat(last.awaitEnd()).as(last.output()).isZero();
        }
        assertEveryRowOnce();
    }

    /// A second driver is refused even after twelve seconds, and the next one continues whichever way the first
    /// ends, even after `kill -9`.
    @Test
    @Tag("slow")
    void driversComeAndGo() throws IOException {
        checkpointRows = 1;
        for (String end : List.of("KILL", "TERM", "INT")) {
            try (SparkProcess first = start("first")) {
                SparkProcess.sleep(12_000);
                if (first.isAlive()) {
                    try (SparkProcess second = start("second", "--mode", "overwrite")) {
                        assertThat(second.awaitEnd()).as(second.output()).isEqualTo(1);
                    }
                    first.signal(end);
                }
            }
        }
        try (SparkProcess last = start("last")) {
            assertThat(last.awaitEnd()).as(last.output()).isZero();
        }
        assertEveryRowOnce();
    }

    private static void assertRefused(SparkProcess driver) {
        assertThat(driver.output().lines().filter(line -> line.startsWith("spark-qwen score: ")))
                .as(driver.output())
                .singleElement()
                .asString()
                .contains("another run is at work on --output", "process ", "wait for its end");
        assertThat(driver.output()).doesNotContain("\tat ");
    }

    private void assertEveryRowOnce() {
        ShortCorpus.assertScored(LocalSpark.session().read().parquet(output().toString()));
        assertThat(output().resolve("_SUCCESS")).exists();
    }

    private void awaitCommits(SparkProcess driver, int commits) throws IOException {
        while (driver.isAlive() && RunFiles.committed(output()).size() < commits) {
            SparkProcess.sleep(50);
        }
    }

    private Path output() {
        return directory.resolve("scores");
    }

    /// Starts a driver from the class path of this test.
    private SparkProcess start(String name, String... options) {
        String[] all = Stream.concat(
                        Stream.of("--token-logprobs", "--checkpoint-rows", Integer.toString(checkpointRows)),
                        Stream.of(options))
                .toArray(String[]::new);
        return SparkProcess.startLocalDriver(
                directory.resolve(name + ".log"),
                List.of(),
                LittleModel.command("score", ShortCorpus.file(), output(), all));
    }
}
