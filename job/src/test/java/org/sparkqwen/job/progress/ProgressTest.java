package org.sparkqwen.job.progress;

import static org.apache.spark.sql.functions.sum;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalTime;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LocalSpark;

class ProgressTest {

    private static final Progress.Whole ROWS = new Progress.Whole(480, rows -> rows, Duration.ZERO);

    @Test
    void timeLeftIsThatOfTheWholeRunAtTheSpeedOfThisStart() {
        assertThat(Progress.left(ROWS, 0, 120, Duration.ofSeconds(30))).hasValue(Duration.ofSeconds(90));
        assertThat(Progress.left(ROWS, 0, 480, Duration.ofSeconds(30))).hasValue(Duration.ZERO);
        assertThat(Progress.left(ROWS, 0, 0, Duration.ofSeconds(5))).isEmpty();
        // What was done before a restart took none of this time.
        assertThat(Progress.left(ROWS, 100, 120, Duration.ofSeconds(30))).hasValue(Duration.ofSeconds(540));
        assertThat(Progress.left(ROWS, 100, 100, Duration.ofSeconds(30))).isEmpty();
        // The first half of the rows is a tenth of the work.
        Progress.Whole uneven =
                new Progress.Whole(480, rows -> rows <= 240 ? rows : 240 + 9.0 * (rows - 240), ROWS.before());
        assertThat(Progress.left(uneven, 0, 240, Duration.ofSeconds(30))).hasValue(Duration.ofSeconds(270));
        assertThat(Progress.clock(Duration.ofSeconds(3 * 3600 + 62))).isEqualTo("3:01:02");
    }

    @Test
    void aLineHasRowsTokensSpeedErrorsAndTimeLeft() {
        SparkSession spark = LocalSpark.session();
        Counters counters = Counters.register(spark);
        counters.count(70_000, false, true);
        counters.settle(120);
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (Progress progress = Progress.show(spark, "score", ROWS, counters, new Pace(), print(printed), false)) {
            assertThat(progress.line(LocalTime.of(9, 5, 7, 800)))
                    .isEqualTo("09:05:07 score: 120 of 480 rows (25 %), 70,000 tokens, 0 tokens/s, 0 errors,"
                            + " time left not known yet");
            counters.count(1_000, true, true);
            assertThat(progress.line(LocalTime.NOON))
                    .matches(
                            "12:00:00 score: 121 of 480 rows \\(25 %\\), 71,000 tokens, .* tokens/s, 1 error, .* left");
            // A task that is tried again counts its rows again.
            counters.settle(500);
            assertThat(progress.line(LocalTime.NOON))
                    .contains("480 of 480 rows (100 %)")
                    .endsWith(" 0:00 left");
            assertThat(printed.size()).isZero();
        }
        assertThat(printed.toString(StandardCharsets.UTF_8).lines())
                .singleElement(InstanceOfAssertFactories.STRING)
                .as("the last line")
                .matches("\\d\\d:\\d\\d:\\d\\d score: 480 of 480 rows .* tokens/s, 1 error, 0:00 left");
    }

    @Test
    void aDocumentOfHoursMovesBeforeItIsDone() {
        SparkSession spark = LocalSpark.session();
        Counters counters = Counters.register(spark);
        Progress.Whole whole = new Progress.Whole(2, rows -> rows, Duration.ZERO);
        try (Progress progress =
                Progress.show(spark, "score", whole, counters, new Pace(), print(new ByteArrayOutputStream()), false)) {
            counters.countPart(1_000_000, Counters.WHOLE_ROW / 2);
            assertThat(progress.line(LocalTime.NOON))
                    .startsWith("12:00:00 score: 0 of 2 rows (25 %), 1,000,000 tokens")
                    .endsWith(" left");
            counters.countPart(-1_000_000, -Counters.WHOLE_ROW / 2);
            counters.count(2_000_000, false, true);
            assertThat(progress.line(LocalTime.NOON))
                    .startsWith("12:00:00 score: 1 of 2 rows (50 %), 2,000,000 tokens");
        }
    }

    @Test
    void whatIsCountedOfDocumentsInWorkIsCountedOnce() {
        Counters counters = Counters.register(LocalSpark.session());
        ModelReference model = LocalSpark.model();
        ScoringOptions shortWindows = new ScoringOptions(new Windows.Strided(32, 16), ScoringOptions.Prefix.EOS, 20);
        ScoreJob.Settings settings = ScoreJob.Settings.of(LocalSpark.TEXT, shortWindows);
        Dataset<Row> scores =
                new ScoreJob(model, settings).apply(LocalSpark.corpus().limit(4).cache(), counters);
        long tokens = scores.agg(sum("tokens")).first().getLong(0);
        assertThat(tokens).isGreaterThan(4 * 32);
        assertThat(counters.tokens().value()).isEqualTo(tokens);
        assertThat(counters.partialRows().value()).isZero();
        assertThat(counters.rows().value()).isEqualTo(4);
    }

    @Test
    void aTerminalShowsABarThatEndsWithEveryRowCounted() {
        SparkSession spark = LocalSpark.session();
        Dataset<Row> documents = LocalSpark.corpus().limit(12);
        Counters counters = Counters.register(spark);
        counters.count(5, false, true); // before a restart
        ByteArrayOutputStream drawn = new ByteArrayOutputStream();
        ModelReference model = LocalSpark.model();
        ScoreJob job = new ScoreJob(model, ScoreJob.Settings.of(model, LocalSpark.TEXT));
        Progress.Whole whole = new Progress.Whole(13, rows -> rows, Duration.ofHours(2));
        try (Progress _ = Progress.show(spark, "score", whole, counters, new Pace(), print(drawn), true)) {
            assertThat(job.apply(documents, counters).collectAsList()).hasSize(12);
        }
        assertThat(drawn.toString(StandardCharsets.UTF_8))
                .contains("score", "100%", "13/13 rows", "(2:00:", "tokens/s", "0 errors");
        assertThat(counters.rows().value()).isEqualTo(13);
    }

    @Test
    void aRowWithSeveralSamplesCountsOnce() {
        Counters counters = Counters.register(LocalSpark.session());
        counters.count(10, false, false);
        counters.count(10, true, false);
        counters.count(10, false, true);
        assertThat(counters.rows().value()).isEqualTo(1);
        assertThat(counters.tokens().value()).isEqualTo(30);
        assertThat(counters.errors().value()).isEqualTo(1);
    }

    @Test
    void liveCountsBringWhatRunningTasksHaveCounted() {
        SparkSession spark = LocalSpark.session();
        Counters counters = Counters.register(spark);
        LiveCounts counts = new LiveCounts(counters);
        counters.count(100, false, true);
        counters.count(0, true, true);
        assertThat(counts.rows()).isEqualTo(2);
        assertThat(counts.tokens()).isEqualTo(100);
        assertThat(counts.errors()).isEqualTo(1);
    }

    private static PrintStream print(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }
}
