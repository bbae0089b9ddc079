package org.sparkqwen.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

class ProgressTest {

    @Test
    void aLineSaysHowFarAndHowLongStill() {
        assertThat(Progress.line("score", 0, 120, 480, Duration.ofSeconds(30)))
                .isEqualTo("score: 120 of 480 rows (25 %), 1:30 left");
        assertThat(Progress.line("score", 0, 0, 10, Duration.ofSeconds(5)))
                .isEqualTo("score: 0 of 10 rows (0 %), time left not known yet");
        assertThat(Progress.line("score", 0, 0, 0, Duration.ZERO)).startsWith("score: 0 of 0 rows, ");
        // A task that is tried again counts its rows again.
        assertThat(Progress.line("score", 0, 12, 10, Duration.ofSeconds(9))).contains("(100 %), 0:00 left");
        // What was done before a restart took none of this time.
        assertThat(Progress.line("score", 100, 120, 480, Duration.ofSeconds(30)))
                .isEqualTo("score: 120 of 480 rows (25 %), 9:00 left");
        assertThat(Progress.clock(Duration.ofSeconds(3 * 3600 + 62))).isEqualTo("3:01:02");
    }

    @Test
    void aTerminalShowsABarThatEndsWithEveryRowCounted() {
        SparkSession spark = LocalSpark.session();
        Dataset<Row> documents = LocalSpark.corpus().limit(12);
        Counters counters = Counters.register(spark);
        ByteArrayOutputStream drawn = new ByteArrayOutputStream();
        ModelReference model = LocalSpark.model();
        ScoreJob job = new ScoreJob(model, ScoreJob.Settings.of(model, LocalSpark.TEXT), counters);
        try (Progress _ = new Progress(spark, "score", 12, counters, new Pace(), print(drawn), true)) {
            assertThat(job.run(documents).collectAsList()).hasSize(12);
        }
        assertThat(drawn.toString(StandardCharsets.UTF_8)).contains("score", "100%", "12/12 rows", "tokens/s");
        assertThat(counters.rows().value()).isEqualTo(12);
    }

    @Test
    void liveCountsBringWhatRunningTasksHaveCounted() {
        SparkSession spark = LocalSpark.session();
        Counters counters = Counters.register(spark);
        LiveCounts counts = new LiveCounts(counters);
        counters.count(100, false);
        counters.count(0, true);
        assertThat(counts.rows()).isEqualTo(2);
        assertThat(counts.tokens()).isEqualTo(100);
        assertThat(counts.errors()).isEqualTo(1);
    }

    private static PrintStream print(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }
}
