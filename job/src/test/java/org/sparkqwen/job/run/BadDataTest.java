package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.LocalWork;

/// The ways to handle rejected rows: keep them, drop them into the quarantine, or end the run.
class BadDataTest {
    private static final RunIdentity IDENTITY = new RunIdentity(Map.of("job", "test"));

    /// The rows that a job has processed.
    private static final AtomicInteger ROWS = new AtomicInteger();

    @TempDir
    private Path directory = Path.of("");

    @Test
    void keptRowsAreInTheOutputAndTheSummaryTellsWhereOneCameFrom() throws IOException {
        input(2, 100, "id % 10 = 3");
        CommandRun run = tokenize();
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 200));
        assertThat(run.out())
                .contains("Tokenized 200 rows")
                .contains("errors      20 rows\n")
                .containsPattern("20 × the text is null, such as .*in/0.parquet row 3\n");
        assertThat(path("out/_errors")).doesNotExist();
        JsonNode error = manifest().at("/summary/commonest_errors/0");
        assertThat(error.at("/error").textValue()).isEqualTo("the text is null");
        assertThat(error.at("/rows").intValue()).isEqualTo(20);
        assertThat(error.at("/example_row").intValue()).isEqualTo(3);
    }

    @Test
    void droppedRowsAreInTheQuarantineWithReasonAndOrigin() throws IOException {
        input(3, 100, "id % 10 = 3");
        CommandRun run = tokenize("--on-error", "drop", "--checkpoint-rows", "70");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("Tokenized 270 rows")
                .contains("errors      30 rows, put aside in " + path("out/_errors"))
                .contains("30 × the text is null, such as ");
        // Readers of the output skip the quarantine.
        Dataset<Row> output = LocalSpark.session().read().parquet(out("out"));
        assertThat(output.filter("error is not null").count()).isZero();
        assertThat(ids("out")).hasSize(270).noneMatch(id -> id % 10 == 3);

        Dataset<Row> dropped = LocalSpark.session().read().parquet(out("out/_errors"));
        assertThat(dropped.columns()).containsExactly("id", "text", "error", "origin_file", "origin_row");
        List<Row> rows = dropped.sort("id").collectAsList();
        assertThat(rows).hasSize(30);
        for (Row row : rows) {
            long id = row.<Long>getAs("id");
            assertThat(row.<String>getAs("error")).isEqualTo("the text is null");
            assertThat(row.<String>getAs("origin_file")).endsWith("in/%d.parquet".formatted(id / 100));
            assertThat(row.<Long>getAs("origin_row")).isEqualTo(id % 100);
        }
        assertThat(manifest().at("/summary/dropped_rows").intValue()).isEqualTo(30);
        assertThat(manifest().at("/summary/rows").intValue()).isEqualTo(270);

        // The quarantine is an input of its own.
        CommandRun again = CommandRun.of(arguments("out/_errors", "again", "--columns", "id,origin_row"));
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.out()).contains("Tokenized 30 rows");
    }

    @Test
    void theOriginIsRightInAFileOfManySplitsAndRowGroups() {
        // Row groups have a few kilobytes, and splits are as large, so rows before a split count.
        LocalSpark.session()
                .range(0, 1000, 1, 1)
                .selectExpr("id", "if(id in (7, 700, 999), null, concat(sha(string(id)), sha(string(-id)))) as text")
                .write()
                .option("parquet.block.size", 4 << 10)
                .parquet(out("in"));
        LocalSpark.session()
                .read()
                .parquet(out("in"))
                .selectExpr("to_json(struct(*), map('ignoreNullFields', 'false')) as value")
                .coalesce(1)
                .write()
                .text(out("json"));
        for (String format : List.of("parquet", "json")) {
            CommandRun run = CommandRun.of(arguments(
                    format.equals("json") ? "json" : "in",
                    "out-" + format,
                    "--input-format",
                    format,
                    "--on-error",
                    "drop",
                    "--checkpoint-rows",
                    "500"));
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(LocalSpark.session()
                            .read()
                            .parquet(out("out-" + format + "/_errors"))
                            .collectAsList())
                    .extracting(row -> row.<Long>getAs("origin_row"))
                    .containsExactlyInAnyOrder(7L, 700L, 999L);
        }
    }

    @Test
    void aBrokenRunHasEachDroppedRowOnceInTheEnd() throws IOException {
        input(2, 200, "id % 7 = 0");
        tokenize("--on-error", "drop", "--checkpoint-rows", "100");
        List<Long> good = ids("out");
        List<Long> bad = ids("out/_errors");
        assertThat(list("out/_spark_qwen/commits")).hasSize(4);
        assertThat(parquet("out/_errors")).hasSize(4);

        // This is the state after a kill between an interval's last file and its commit.
        Files.delete(path("out/_spark_qwen/commits/00003.json"));
        Files.delete(path("out/_spark_qwen/commits/00002.json"));
        Files.copy(
                parquet("out/_errors").getFirst(),
                path("out/_errors/part-00000-00000000-0000-0000-0000-000000000000-c000.snappy.parquet"));
        CommandRun again = tokenize("--on-error", "drop", "--checkpoint-rows", "50");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.err()).contains("200 of 400 rows are done");
        assertThat(ids("out")).isEqualTo(good).doesNotHaveDuplicates();
        assertThat(ids("out/_errors")).isEqualTo(bad).doesNotHaveDuplicates();
        List<Long> all = new ArrayList<>(good);
        all.addAll(bad);
        assertThat(all).containsExactlyInAnyOrderElementsOf(ids(0, 400));

        Files.delete(parquet("out/_errors").getFirst());
        tokenize("--on-error", "drop").assertRefused(1, "out/_errors/part-", "is gone");
    }

    @Test
    void aPromptWithSeveralSamplesIsInTheQuarantineOnce() {
        LocalSpark.session()
                .range(0, 6, 1, 1)
                .selectExpr("id", "if(id in (1, 4), null, 'The sea') as prompt")
                .write()
                .parquet(out("in"));
        CommandRun run = CommandRun.of(LittleModel.command(
                "generate", out("in"), out("out"), "--samples", "3", "--max-new-tokens", "2", "--on-error", "drop"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Generated 12 texts").contains("errors      2 rows");
        assertThat(ids("out")).hasSize(12);
        assertThat(ids("out/_errors")).containsExactly(1L, 4L);
    }

    @Test
    void theFirstErrorEndsARunThatShallFail() throws IOException {
        input(2, 100, "id in (130, 171)");
        CommandRun run = tokenize("--on-error", "fail", "--checkpoint-rows", "50");
        run.assertRefused(1, "in/1.parquet row 30: the text is null", "100 rows are done and kept");
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 100));
        assertThat(list("out/_spark_qwen/commits")).hasSize(2);
        tokenize("--on-error", "fail", "--checkpoint-rows", "50").assertRefused(1, " row 30: the text is null");

        CommandRun dropped = tokenize("--on-error", "drop");
        assertThat(dropped.exitCode()).as(dropped.err()).isZero();
        assertThat(ids("out")).hasSize(198);
        assertThat(ids("out/_errors")).containsExactly(130L, 171L);
        // Now there are rows that were handled by one policy.
        tokenize("--on-error", "keep").assertRefused(2, "done with --on-error drop");
        tokenize("--on-error", "fail").assertRefused(2, "done with --on-error drop");
    }

    @Test
    void aHopelessRunStopsEarlyWithExamples() throws IOException {
        input(4, 600, "id > 500");
        CommandRun run = tokenize("--checkpoint-rows", "500");
        run.assertRefused(
                1,
                "of the first 1,500 rows",
                "have errors already, more than --max-error-rate 0.5: \"the text is null\"",
                "in/0.parquet row 501)",
                "1,000 rows are done and kept");
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 1000));
        CommandRun on = tokenize("--max-error-rate", "1");
        assertThat(on.exitCode()).as(on.err()).isZero();
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 2400));
    }

    @Test
    void anErrorStopsAnIntervalThatIsAtWork() throws IOException {
        input(1, 2000, "false");
        LocalSpark.session();
        RunSettings settings = settings(ErrorPolicy.OnError.FAIL);
        ROWS.set(0);
        try (JobRun job = JobRun.start("test", settings)) {
            assertThatThrownBy(() -> job.run(IDENTITY, new LocalWork((rows, counts) -> slow(rows, counts, 20))))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContaining("in/0.parquet row 0: the row is the first");
        }
        assertThat(ROWS).hasValueLessThan(1500);
        assertThat(path("out/_spark_qwen/commits")).doesNotExist();
    }

    @Test
    void droppedRowsMakeNoRowBeWorkedOnTwice() throws IOException {
        input(1, 200, "false");
        LocalSpark.session();
        RunSettings settings = settings(ErrorPolicy.OnError.DROP);
        ROWS.set(0);
        try (JobRun job = JobRun.start("test", settings)) {
            JobRun.Written written = job.run(IDENTITY, new LocalWork((rows, counts) -> slow(rows, counts, 0)));
            assertThat(written.output().<Long>read(Dataset::count)).isEqualTo(199);
            assertThat(written.badData().rows()).isEqualTo(1);
        }
        assertThat(ROWS).hasValue(200);
    }

    /// A job whose rows take some time. The first row has an error.
    private static Dataset<Row> slow(Dataset<Row> rows, TaskCounts counts, int millis) {
        MapFunction<Row, Row> work = row -> {
            long id = row.<Long>getAs("id");
            String error = id == 0 ? "the row is the first" : null;
            if (error != null) {
                counts.reject(error, RowNumber.isIn(row.schema()) ? row.<Long>getAs(RowNumber.COLUMN) : RowNumber.NONE);
            }
            ROWS.incrementAndGet();
            Thread.sleep(millis);
            return RowNumber.isIn(row.schema())
                    ? RowFactory.create(id, row.getAs("text"), row.getAs(RowNumber.COLUMN), error)
                    : RowFactory.create(id, row.getAs("text"), error);
        };
        return rows.map(work, Encoders.row(rows.schema().add("error", "string")));
    }

    private RunSettings settings(ErrorPolicy.OnError onError) {
        boolean drops = onError == ErrorPolicy.OnError.DROP;
        return RunSettings.of(new InputFormat(List.of(out("in")), "parquet", Map.of(), drops), out("out"))
                .withErrors(new ErrorPolicy(onError, null))
                .withCheckpointRows(2000)
                .withTargetFileSize(1 << 20);
    }

    @Test
    void aFewRowsAreNotJudgedUnlessARateWasAskedFor() throws IOException {
        input(1, 20, "id % 2 = 0 or id > 10");
        assertThat(tokenize().exitCode()).isZero();
        tokenize("--mode", "overwrite", "--max-error-rate", "0.5").assertRefused(1, "15 of the first 20 rows (75 %)");
        assertThat(tokenize("--mode", "overwrite", "--max-error-rate", "0.75").exitCode())
                .isZero();
        tokenize("--mode", "overwrite", "--max-error-rate", "1.5").assertRefused(2, "must be from 0 to 1, not 1.5");
    }

    @Test
    void columnsThatTheQuarantineAddsAreRefused() {
        LocalSpark.session()
                .range(3)
                .selectExpr("id", "'a' as text", "1 as Origin_Row")
                .write()
                .parquet(out("in"));
        assertThat(tokenize().exitCode()).isZero();
        tokenize("--on-error", "drop").assertRefused(2, "'origin_row' would collide");
    }

    /// Writes files `in/0.parquet` and so on with rows of `id` and `text`, which is null where `bad`.
    private void input(int files, int rows, String bad) throws IOException {
        Files.createDirectories(path("in"));
        LocalSpark.session()
                .range(0, (long) files * rows, 1, files)
                .selectExpr("id", "if(%s, null, concat('text ', id)) as text".formatted(bad))
                .write()
                .parquet(out("parts"));
        List<Path> parts = parquet("parts"); // in the order of their numbers
        for (int file = 0; file < files; file++) {
            Files.move(parts.get(file), path("in/%d.parquet".formatted(file)));
        }
    }

    private CommandRun tokenize(String... options) {
        return CommandRun.of(arguments("in", "out", options));
    }

    private String[] arguments(String input, String output, String... options) {
        return LocalSpark.command("tokenize", out(input), out(output), options);
    }

    private List<Long> ids(String output) {
        return LocalSpark.session().read().parquet(out(output)).select("id").collectAsList().stream()
                .map(row -> row.getLong(0))
                .sorted()
                .toList();
    }

    private static List<Long> ids(long from, long to) {
        return LongStream.range(from, to).boxed().toList();
    }

    private JsonNode manifest() throws IOException {
        return new ObjectMapper().readTree(path("out/_run.json").toFile());
    }

    private List<Path> list(String name) throws IOException {
        try (var files = Files.list(path(name))) {
            return files.filter(file -> !file.getFileName().toString().startsWith("."))
                    .sorted()
                    .toList();
        }
    }

    private List<Path> parquet(String name) throws IOException {
        return list(name).stream()
                .filter(file -> file.toString().endsWith(".parquet"))
                .toList();
    }

    private Path path(String name) {
        return directory.resolve(name);
    }

    private String out(String name) {
        return path(name).toString();
    }
}
