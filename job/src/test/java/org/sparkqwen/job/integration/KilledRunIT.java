package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// A driver is killed at random moments, as by `kill -9`, and started again with the same command. In the end the
/// output is that of an undisturbed run. A longer test is `-Dkilled.kills=100 -Dkilled.seed=2`; with executors that
/// outlive their driver it is `-Dkilled.master=local-cluster[2,1,1024]`.
class KilledRunIT {
    private static final int KILLS = Integer.getInteger("killed.kills", 1);
    private static final long SEED = Long.getLong("killed.seed", 1);
    private static final String MASTER = System.getProperty("killed.master", "local[2]");

    /// The settings where executors are separate processes. Every task that takes longer than another is started
    /// twice.
    private static final List<String> SPECULATIVE = List.of(
            "--conf", "spark.speculation=true",
            "--conf", "spark.speculation.interval=50ms",
            "--conf", "spark.speculation.multiplier=1.01",
            "--conf", "spark.speculation.quantile=0.1");

    @TempDir
    private Path directory = Path.of("");

    private final Random random = new Random(SEED);

    @Test
    void aRunThatIsKilledAgainAndAgainEndsAsOneThatIsNot() throws IOException {
        killAndCompare(KILLS);
    }

    @Test
    @Tag("slow")
    void aRunThatIsKilledTenTimesEndsAsOneThatIsNot() throws IOException {
        killAndCompare(10);
    }

    private void killAndCompare(int most) throws IOException {
        int kills = 0;
        for (int round = 0; kills < most; round++) {
            Path output = directory.resolve("scores-" + round);
            boolean killed = true;
            while (killed && kills < most) {
                killed = startAndKill(output);
                kills += killed ? 1 : 0;
            }
            CommandRun run = SparkProcess.submit(directory, MASTER, SPECULATIVE, arguments(output));
            assertThat(run.exitCode()).as(run.out()).isZero();
            System.out.printf("round %d, %d kills, seed %d%n", round, kills, SEED);
            ShortCorpus.assertScored(LocalSpark.session().read().parquet(output.toString()));
            assertThat(output.resolve("_SUCCESS")).exists();
            assertThat(output.resolve("_temporary")).doesNotExist();
        }
    }

    /// @return whether the run was killed; false if it had ended
    private boolean startAndKill(Path output) throws IOException {
        Map<Path, FileTime> before = RunFiles.committed(output);
        int attempts = RunFiles.attempts(output);
        boolean killed;
        try (SparkProcess submit = SparkProcess.startSubmit(directory, MASTER, SPECULATIVE, arguments(output))) {
            // One kill of four is anywhere from the JVM's start on, and the others are during the work.
            if (random.nextInt(4) != 0) {
                RunFiles.awaitWork(submit, output, attempts);
            }
            SparkProcess.sleep(random.nextInt(6000));
            killed = submit.kill();
        }
        // Finished work is not repeated: at most the interval at work is lost.
        assertThat(RunFiles.committed(output)).containsAllEntriesOf(before);
        return killed;
    }

    private static String[] arguments(Path output) {
        return LittleModel.command("score", ShortCorpus.file(), output, "--token-logprobs", "--checkpoint-rows", "12");
    }
}
