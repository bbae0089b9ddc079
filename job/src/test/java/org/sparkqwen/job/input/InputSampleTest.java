package org.sparkqwen.job.input;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.LocalSpark;

class InputSampleTest {
    private static final int FILES = 100;
    private static final int ROWS = 50;

    private final SparkSession spark = LocalSpark.session();

    @TempDir
    private Path directory;

    /// Writes files of as many rows each, which hold the number of their file.
    private InputSample sample(@Nullable Long limit, int about) throws IOException {
        for (int file = 0; file < FILES; file++) {
            Files.writeString(
                    directory.resolve("%03d.json".formatted(file)),
                    "{\"n\": %d}\n".formatted(file).repeat(ROWS));
        }
        Dataset<Row> rows = spark.read().json(directory.toString());
        InputFormat input = new InputFormat(List.of(directory.toString()), "json", Map.of(), false);
        return InputSample.of(new InputScan(rows), input, limit, about, null);
    }

    @Test
    void rowsOfManyFilesAreEstimatedFromSome() throws IOException {
        InputSample sample = sample(null, 640);
        assertThat(sample.files()).isEqualTo(FILES);
        assertThat(sample.judgedBy()).isBetween(1L, sample.bytes() - 1);
        assertThat((double) sample.rows()).isCloseTo(FILES * ROWS, within(0.02 * FILES * ROWS));
        assertThat(sample.unreadable().isEmpty()).isTrue();
    }

    @Test
    void rowsAreDrawnFromAllOverTheInput() throws IOException {
        Dataset<Row> drawn = sample(null, 640).drawn();
        assertThat(drawn.count()).isBetween(520L, 760L);
        assertThat(drawn.select("n").distinct().count()).isEqualTo(32);
        assertThat(drawn.where(col("n").lt(FILES / 2)).count()).isBetween(240L, 400L);
    }

    @Test
    void withALimitRowsAreDrawnFromTheFirst() throws IOException {
        InputSample sample = sample(200L, 100);
        assertThat(sample.rows()).isEqualTo(200);
        assertThat(sample.judgedBy()).as("there are as many rows").isZero();
        assertThat(sample.drawn().count()).isBetween(60L, 140L);
        assertThat(sample.drawn().select("n").distinct().count()).isEqualTo(4);
    }

    @Test
    void manySmallFilesAreDrawnWhole() {
        String files = directory.resolve("small").toString();
        spark.range(0, 100, 1, 100).write().parquet(files);
        InputFormat input = InputFormat.of("parquet", files);
        Dataset<Row> rows = spark.read().parquet(files);
        InputSample sample = InputSample.of(new InputScan(rows), input, null, 50, null);
        assertThat(sample.rows()).isEqualTo(100);
        assertThat(sample.drawn().count()).isEqualTo(50);
        assertThat(sample.drawn().where(col("id").mod(2).equalTo(0)).count()).isBetween(20L, 30L);
    }

    @Test
    void rowsWithTheSameKeyAreDrawnTogether() throws IOException {
        Files.writeString(
                directory.resolve("rows.json"),
                IntStream.range(0, 2000).mapToObj("{\"n\": %d}%n"::formatted).collect(Collectors.joining()));
        Dataset<Row> rows = spark.read().json(directory.toString());
        InputFormat input = new InputFormat(List.of(directory.toString()), "json", Map.of(), false);
        Column key = col("n").mod(100).cast("bigint");
        for (Dataset<Row> drawn : List.of(
                InputSample.of(new InputScan(rows), input, null, 200, key).drawn(),
                InputSample.draw(rows, 2000, 200, key))) {
            assertThat(drawn.groupBy(key).count().select("count").distinct().collectAsList())
                    .extracting(row -> row.getLong(0))
                    .containsExactly(20L);
        }
    }

    @Test
    void aSmallInputIsDrawnWhole() throws IOException {
        assertThat(sample(30L, 100).drawn().count()).isEqualTo(30);
    }
}
