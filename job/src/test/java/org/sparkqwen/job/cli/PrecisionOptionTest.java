package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// A precision is part of what a run is: rows name it, and a run in another precision does not continue it.
class PrecisionOptionTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void rowsNameThePrecisionAndAnotherOneDoesNotResume() {
        assertThat(score("--precision", "bfloat16").exitCode()).isZero();
        List<Row> rows =
                LocalSpark.session().read().parquet(directory.toString()).collectAsList();
        assertThat(rows)
                .isNotEmpty()
                .allSatisfy(row -> assertThat(row.<String>getAs("model")).matches("[^@]+@[0-9a-f]{12}/bfloat16"));

        CommandRun again = score();
        assertThat(again.exitCode()).isNotZero();
        assertThat(again.err()).contains("bfloat16");
        assertThat(score("--precision", "BFLOAT16").exitCode()).as("the same").isZero();
    }

    @Test
    void anUnknownPrecisionIsAUsageErrorWithTheNamesThatThereAre() {
        CommandRun run = score("--precision", "fp8");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("there is no precision 'fp8'; there are float32, float32x2, bfloat16");
    }

    private CommandRun score(String... options) {
        String[] all = new String[2 + options.length];
        all[0] = "--limit";
        all[1] = "3";
        System.arraycopy(options, 0, all, 2, options.length);
        return CommandRun.of(LittleModel.command("score", ShortCorpus.file(), directory, all));
    }
}
