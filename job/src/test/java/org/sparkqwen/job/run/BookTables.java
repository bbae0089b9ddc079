package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.LocalWork;
import org.sparkqwen.job.testing.RunFiles;

/// A database with a table of books, and jobs over it.
abstract class BookTables {
    static final int ROWS = 20;

    private static final TokenizeJob.Settings TOKENIZATION =
            TokenizeJob.Settings.of(LocalSpark.MODEL.toString(), new ContentColumn.Text("text", SpecialTokens.TEXT));

    /// The first id at which [#work] fails.
    private static final AtomicLong FAILS_FROM = new AtomicLong();

    /// The file of the table of books, which no test changes.
    @TempDir
    private static Path shelf = Path.of("");

    @TempDir
    Path directory = Path.of("");

    SparkSession spark = LocalSpark.session();

    @BeforeAll
    static void writeBooks() {
        books(0, ROWS).write().mode("overwrite").parquet(shelf.toString());
    }

    @BeforeEach
    void makeTables() throws IOException {
        FAILS_FROM.set(Long.MAX_VALUE);
        spark = LocalSpark.session();
        spark.sql("CREATE DATABASE library LOCATION '%s'".formatted(path("library")));
        Files.createDirectory(directory.resolve("books"));
        for (Path file : RunFiles.list(shelf, "part-*.parquet")) {
            Files.copy(file, directory.resolve("books").resolve(file.getFileName()));
        }
        spark.sql("CREATE TABLE library.books (id BIGINT, text STRING) USING parquet LOCATION '%s'"
                .formatted(path("books")));
    }

    @AfterEach
    void dropTables() {
        LocalSpark.session().sql("DROP DATABASE IF EXISTS library CASCADE");
    }

    /// Returns what is refused, and the message, from lines of both.
    static Map<String, String> refusals(String lines) {
        Map<String, String> refusals = new LinkedHashMap<>();
        lines.lines().forEach(line -> {
            List<String> parts = List.of(line.split(" \\| "));
            refusals.put(parts.get(0), parts.get(1));
        });
        return refusals;
    }

    void refused(RunSettings run, String message) {
        refused(run, tokenization(), message);
    }

    void refused(RunSettings run, Work job, String message) {
        assertThatThrownBy(() -> ResumableRun.run(spark, run, job))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }

    void failFrom(long id, RunSettings run, String message) {
        FAILS_FROM.set(id);
        assertThatThrownBy(() -> ResumableRun.run(spark, run, work()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining(message);
        FAILS_FROM.set(Long.MAX_VALUE);
    }

    /// A job that fails at the row of [#FAILS_FROM], and passes the columns of books.
    static LocalWork work() {
        return new LocalWork(BookTables::passed);
    }

    static Dataset<Row> passed(Dataset<Row> rows, TaskCounts counts) {
        MapFunction<Row, Row> passed = row -> {
            long id = row.<Long>getAs("id");
            if (id >= FAILS_FROM.get()) {
                throw new IllegalStateException("it fails at " + id);
            }
            return RowNumber.isIn(row.schema())
                    ? RowFactory.create(id, row.getAs("text"), row.getAs(RowNumber.COLUMN), null)
                    : RowFactory.create(id, row.getAs("text"), null);
        };
        Dataset<Row> books = rows.drop("shelf_mark");
        return books.map(passed, Encoders.row(books.schema().add("error", "string")));
    }

    static TokenizeJob tokenization() {
        return new TokenizeJob(TOKENIZATION);
    }

    static Dataset<Row> books(long from, long to) {
        return LocalSpark.session().range(from, to, 1, 1).withColumn("text", concat(lit("Call me "), lit("Ishmael.")));
    }

    RunSettings settings(InputFormat input, String output) {
        return RunSettings.of(input, path(output)).withCheckpointRows(10);
    }

    List<String> rows(String output) {
        return LocalSpark.sorted(LocalSpark.session().read().parquet(path(output)));
    }

    List<Long> ids(String output) {
        return sortedIds(LocalSpark.session().read().parquet(path(output)));
    }

    static List<Long> sortedIds(Dataset<Row> rows) {
        return rows.select("id").collectAsList().stream()
                .map(row -> row.getLong(0))
                .sorted()
                .toList();
    }

    static List<Long> ids(long from, long to) {
        return LongStream.range(from, to).boxed().toList();
    }

    String path(String name) {
        return directory.resolve(name).toString();
    }
}
