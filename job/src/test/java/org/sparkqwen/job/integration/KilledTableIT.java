package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// A command that reads a query and writes a table is killed at random moments, as by `kill -9`, and given again. In
/// the end the table holds every row once. A longer test is `-Dkilled.kills=100 -Dkilled.seed=2`.
class KilledTableIT {
    private static final int KILLS = Integer.getInteger("killed.kills", 10);
    private static final long SEED = Long.getLong("killed.seed", 1);

    @TempDir
    private Path directory = Path.of("");

    private final Random random = new Random(SEED);

    @Test
    @Tag("slow")
    void aTableWhoseRunIsKilledHoldsEveryRowOnce() throws IOException {
        Path undisturbed = directory.resolve("undisturbed");
        CommandRun files = CommandRun.of(LocalSpark.command("tokenize", ShortCorpus.file(), undisturbed));
        assertThat(files.exitCode()).as(files.err()).isZero();
        List<String> expected = LocalSpark.sorted(LocalSpark.session().read().parquet(undisturbed.toString()));
        assertThat(expected).hasSize(ShortCorpus.ROWS);
        int kills = 0;
        for (int round = 0; kills < KILLS; round++) {
            String table = "tokens_" + round;
            boolean killed = true;
            while (killed && kills < KILLS) {
                killed = startAndKill(table);
                kills += killed ? 1 : 0;
            }
            try (SparkProcess last = start(table)) {
                assertThat(last.awaitEnd()).as(last.output()).isZero();
                assertThat(last.output()).contains("the table " + table + " ends with this session");
            }
            System.out.printf("round %d, %d kills, seed %d%n", round, kills, SEED);
            Dataset<Row> rows = LocalSpark.session()
                    .catalog()
                    .createTable(table, location(table).toString());
            assertThat(LocalSpark.sorted(rows)).isEqualTo(expected);
            LocalSpark.session().sql("DROP TABLE " + table);
            assertThat(location(table).resolve("_SUCCESS")).exists();
            assertThat(location(table).resolve("_temporary")).doesNotExist();
            assertThat(location(table).resolve("_input")).doesNotExist();
        }
    }

    /// @return whether the command was killed; false if it had ended
    private boolean startAndKill(String table) throws IOException {
        Map<Path, FileTime> before = RunFiles.committed(location(table));
        int attempts = RunFiles.attempts(location(table));
        boolean killed;
        try (SparkProcess command = start(table)) {
            // One kill of four is anywhere from the JVM's start on, and so also while the rows are copied.
            if (random.nextInt(4) != 0) {
                RunFiles.awaitWork(command, location(table), attempts);
            }
            SparkProcess.sleep(random.nextInt(6000));
            killed = command.kill();
        }
        assertThat(RunFiles.committed(location(table))).containsAllEntriesOf(before);
        return killed;
    }

    /// Starts the command from the class path of this test.
    private SparkProcess start(String table) {
        return SparkProcess.startLocalDriver(
                directory.resolve(table + ".log"),
                List.of("--conf", "spark.sql.warehouse.dir=" + warehouse()),
                "tokenize",
                "--model",
                LocalSpark.MODEL.toString(),
                "--input-sql",
                "SELECT * FROM parquet.`%s`".formatted(ShortCorpus.file()),
                "--output-table",
                table,
                "--checkpoint-rows",
                "30");
    }

    private Path warehouse() {
        return directory.resolve("warehouse");
    }

    private Path location(String table) {
        return warehouse().resolve(table);
    }
}
