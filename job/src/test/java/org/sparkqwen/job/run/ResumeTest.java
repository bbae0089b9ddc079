package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.LocalWork;

/// Runs that are cut into intervals, interrupted, and started again, with `tokenize`, which needs no model.
class ResumeTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void intervalsInsideOneFileHaveEachRowOnce() throws IOException {
        run("whole", LocalSpark.CORPUS);
        CommandRun run = run("out", LocalSpark.CORPUS, "--checkpoint-rows", "50");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 220 rows");
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(5);
        assertThat(rows("out")).hasSize(220).isEqualTo(rows("whole"));
        assertThat(manifest("out").at("/intervals").intValue()).isEqualTo(5);
        assertThat(manifest("out").at("/restarts").intValue()).isZero();
        assertThat(manifest("out").at("/time_of_last_5_percent").doubleValue()).isBetween(0.0, 1.0);
    }

    @Test
    void bytesCutIntervalsToo() throws IOException {
        run("out", LocalSpark.CORPUS, "--checkpoint-bytes", "40k"); // of 119
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(3);
        assertThat(rows("out")).hasSize(220).doesNotHaveDuplicates();
    }

    @Test
    void withoutLimitsTheFirstIntervalIsShort() throws IOException {
        run("out", LocalSpark.CORPUS);
        assertThat(commit("out", 0).at("/to").intValue()).isEqualTo(32); // 16 for each of two cores
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(2);
    }

    @Test
    void theOutputHasTheOrderOfTheInput() throws IOException {
        run("out", LocalSpark.CORPUS, "--checkpoint-rows", "90", "--target-file-size", "40k", "--columns", "id");
        List<String> expected = LocalSpark.session().read().parquet(LocalSpark.CORPUS).collectAsList().stream()
                .map(row -> row.<String>getAs("id"))
                .toList();
        List<String> written = new ArrayList<>();
        for (int interval = 0; interval < 3; interval++) {
            for (String file : files("out", interval).stream().sorted().toList()) {
                Dataset<Row> rows = LocalSpark.session()
                        .read()
                        .parquet(path("out").resolve(file).toString());
                assertThat(rows.columns()).containsExactly("id", "token_ids", "tokens", "error");
                rows.collectAsList().forEach(row -> written.add(row.getAs("id")));
            }
        }
        assertThat(list("out", "part-*.parquet")).hasSizeGreaterThan(3);
        assertThat(written).isEqualTo(expected);
    }

    @Test
    void aBrokenRunGoesOnAfterItsLastCommit() throws IOException {
        run("out", LocalSpark.CORPUS, "--checkpoint-rows", "50");
        List<String> expected = rows("out");
        // This is the state after a kill in the third interval. Its data may exist, and some of its tasks had ended.
        for (int interval = 2; interval < 5; interval++) {
            Files.delete(path("out/_spark_qwen/commits/%05d.json".formatted(interval)));
        }
        Files.delete(path("out/_SUCCESS"));
        Path left = Files.createDirectories(path("out/_temporary/0/task_202001010000000000000000000_0001_m_000000"));
        Path data = list("out", "part-*.parquet").getFirst();
        Files.copy(data, left.resolve("part-00000-00000000-0000-0000-0000-000000000000-c000.snappy.parquet"));
        FileTime committed = Files.getLastModifiedTime(path("out/_spark_qwen/commits/00001.json"));
        List<String> kept = files("out", 0, 1);

        CommandRun again = run("out", LocalSpark.CORPUS, "--checkpoint-rows", "50");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.err()).contains("Going on with").contains("100 of 220 rows are done");
        assertThat(again.out()).contains("Tokenized 220 rows");
        assertThat(rows("out")).isEqualTo(expected);
        assertThat(Files.getLastModifiedTime(path("out/_spark_qwen/commits/00001.json")))
                .isEqualTo(committed);
        assertThat(files("out", 0, 1)).isEqualTo(kept);
        assertThat(list("out", "part-*.parquet")).hasSize(5);
        assertThat(manifest("out").at("/restarts").intValue()).isEqualTo(1);
    }

    @Test
    void whatTasksOfAKilledDriverLeaveNeverGetsIntoTheOutput() throws IOException {
        Path input = textFiles("in", 1, 30);
        try (JobRun job = start(input, 10)) {
            Path left = path("out/_temporary/0/task_202001010000000000000000000_0001_m_000000");
            JobRun.Written written = job.run(IDENTITY, new LocalWork((rows, counts) -> {
                // It is written during the run, as by a task that did not hear of its driver's end.
                Path stale = left.resolve("part-00000-00000000-0000-0000-0000-000000000000-c000.snappy.parquet");
                try {
                    Files.createDirectories(left);
                    Files.writeString(stale, "no Parquet at all");
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return rows.selectExpr("value", "cast(null as string) as error");
            }));
            assertThat(written.output().<Long>read(Dataset::count)).isEqualTo(30);
        }
    }

    @Test
    void aRunThatFailsKeepsWhatItHasAndGoesOn() throws IOException {
        Path input = textFiles("in", 1, 30);
        AtomicInteger calls = new AtomicInteger();
        for (int start = 0; start < 2; start++) {
            boolean fails = start == 0;
            try (JobRun job = start(input, 10)) {
                job.run(IDENTITY, new LocalWork((rows, counts) -> {
                    // The first read is for the columns, the second for the first interval.
                    String fail =
                            fails && calls.incrementAndGet() > 2 ? "raise_error('No space left on device')" : "null";
                    return rows.selectExpr("value", "cast(%s as string) as error".formatted(fail));
                }));
                assertThat(fails).isFalse();
            } catch (Refusal refusal) {
                assertThat(fails).isTrue();
                assertThat(refusal).hasMessageContainingAll("rows 10 to 20", "No space left on device", "goes on");
            }
        }
        assertThat(rows("out")).hasSize(30).doesNotHaveDuplicates();
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(3);
        assertThat(commit("out", 0).at("/attempt").intValue()).isZero();
        assertThat(commit("out", 1).at("/attempt").intValue()).isEqualTo(1);
    }

    @Test
    void theDriverThatStartedLaterGoesOnAlone() throws IOException {
        Path input = textFiles("in", 1, 30);
        try (JobRun job = start(input, 10)) {
            assertThatThrownBy(() -> job.run(IDENTITY, new LocalWork((rows, counts) -> {
                        Path attempts = path("out/_spark_qwen/attempts");
                        if (Files.exists(attempts.resolve("00000.json"))) {
                            try {
                                Files.writeString(
                                        attempts.resolve("00001.json"),
                                        "{\"started\": \"now\", \"host\": \"other\", \"pid\": 7, \"version\": \"1\"}");
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        }
                        return rows.selectExpr("value", "cast(null as string) as error");
                    })))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContainingAll("another run has begun", "process 7 on other", "this one stops");
        }
        assertThat(path("out/_spark_qwen/commits")).doesNotExist();
    }

    @Test
    void aFinishedRunDoesNothingAndNewFilesAreDoneAlone() throws IOException {
        Path input = textFiles("in", 2, 20);
        assertThat(texts("out", input).out()).contains("Tokenized 40 rows");
        List<Path> before = list("out", "part-*");
        assertThat(texts("out", input).out()).contains("Tokenized 40 rows");
        assertThat(list("out", "part-*")).isEqualTo(before);
        assertThat(manifest("out").at("/restarts").intValue()).isZero();

        textFiles("in", 3, 20);
        assertThat(texts("out", input).out()).contains("Tokenized 60 rows");
        assertThat(list("out", "part-*")).containsAll(before);
        assertThat(list("out/_spark_qwen/plans", "*.json")).hasSize(2);
        assertThat(rows("out")).hasSize(60).doesNotHaveDuplicates();
        assertThat(commit("out", before.size()).at("/from").intValue()).isEqualTo(40);
    }

    @Test
    void anotherRunIsRefusedWithTheDifference() {
        run("out", LocalSpark.CORPUS, "--limit", "20");
        List<String> before = rows("out");
        run("out", LocalSpark.CORPUS, "--limit", "30", "--special-tokens", "parse")
                .assertRefused(
                        2,
                        "holds a run of other options: limit 20, not 30; special-tokens text, not parse; choose another"
                                + " --output, or --mode overwrite");
        run("out", LocalSpark.CORPUS, "--limit", "20", "--mode", "fail").assertRefused(2, "exists");
        CommandRun.of(LocalSpark.command("score", LocalSpark.CORPUS, out("out")))
                .assertRefused(2, "job tokenize, not score", "more");
        assertThat(rows("out")).isEqualTo(before);
        // Neither speed nor intervals change the run's identity.
        CommandRun same = run("out", LocalSpark.CORPUS, "--limit", "20", "--checkpoint-rows", "3", "--verbose");
        assertThat(same.exitCode()).as(same.err()).isZero();
        CommandRun anew = run("out", LocalSpark.CORPUS, "--limit", "30", "--mode", "overwrite");
        assertThat(anew.exitCode()).as(anew.err()).isZero();
        assertThat(rows("out")).hasSize(30);
    }

    @Test
    void anOutputOfSomethingElseIsRefused() throws IOException {
        Files.createDirectories(path("out"));
        Files.writeString(path("out/letters.txt"), "not ours");
        run("out", LocalSpark.CORPUS).assertRefused(2, "holds files that no run of this version wrote");
        assertThat(path("out/letters.txt")).exists();
        assertThat(path("out/_spark_qwen")).doesNotExist();
    }

    @Test
    void anOutputThatIsPartOfTheInputIsRefused() throws IOException {
        Path input = textFiles("in", 1, 3);
        CommandRun.of(arguments(input.toString(), input.toString(), "--mode", "overwrite"))
                .assertRefused(2, "lies in --output");
        assertThat(input.resolve("0.txt")).exists();
    }

    @Test
    void aFileThatChangedIsRefusedByName() throws IOException {
        Path input = textFiles("in", 2, 20);
        texts("out", input);
        Files.writeString(input.resolve("1.txt"), "other contents\n");
        texts("out", input).assertRefused(1, "in/1.txt has changed since the run was planned");
    }

    @Test
    void aFileThatIsGoneIsMissedOnlyWhileItsRowsAreNeeded() throws IOException {
        Path input = textFiles("in", 3, 20);
        texts("out", input, "--checkpoint-rows", "20");
        Files.delete(path("out/_spark_qwen/commits/00002.json"));
        Files.delete(input.resolve("0.txt"));
        Path third = Files.move(input.resolve("2.txt"), path("elsewhere.txt"));
        texts("out", input, "--checkpoint-rows", "20").assertRefused(1, "in/2.txt is gone");
        Files.move(third, input.resolve("2.txt"));
        CommandRun run = texts("out", input, "--checkpoint-rows", "20");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(rows("out")).hasSize(60).doesNotHaveDuplicates();
    }

    @Test
    void dataThatWasTakenOutOfTheOutputIsMissed() throws IOException {
        run("out", LocalSpark.CORPUS, "--limit", "20");
        Path data = list("out", "part-*.parquet").getFirst();
        Files.delete(data);
        run("out", LocalSpark.CORPUS, "--limit", "20")
                .assertRefused(1, data.getFileName() + ", which interval 0 wrote");
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    void dataThatIsNotWhatWasWrittenIsNoticedByTheNextStart(boolean sameSize) throws IOException {
        run("out", LocalSpark.CORPUS, "--limit", "20");
        Path data = list("out", "part-*.parquet").getFirst();
        byte[] content = Files.readAllBytes(data);
        content[content.length / 2] = (byte) (content[content.length / 2] ^ 1);
        Files.write(data, sameSize ? content : new byte[0]);
        Files.setLastModifiedTime(
                data, FileTime.fromMillis(Files.getLastModifiedTime(data).toMillis() + 5000));
        run("out", LocalSpark.CORPUS, "--limit", "20")
                .assertRefused(
                        1,
                        data.getFileName() + ", which interval 0 wrote, has ",
                        sameSize ? "other contents" : "0 bytes",
                        "delete",
                        "commits/00000.json and all commits after it to have the rows from 0 on done again");
        // The message says to do this.
        Files.delete(path("out/_spark_qwen/commits/00000.json"));
        CommandRun again = run("out", LocalSpark.CORPUS, "--limit", "20");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(rows("out")).hasSize(20);
    }

    @Test
    void aCopyOfAnOutputIsAsGoodAsTheOutput() throws IOException {
        run("out", LocalSpark.CORPUS, "--limit", "20");
        for (Path data : list("out", "part-*.parquet")) {
            Files.setLastModifiedTime(data, FileTime.fromMillis(0));
        }
        assertThat(run("out", LocalSpark.CORPUS, "--limit", "20").exitCode()).isZero();
    }

    @Test
    void anInputFileUnderAnotherNameIsNotDoneTwice() throws IOException {
        Path input = textFiles("in", 2, 20);
        texts("out", input);
        Files.move(input.resolve("0.txt"), input.resolve("renamed.txt"));
        CommandRun run = texts("out", input);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(rows("out")).hasSize(40).doesNotHaveDuplicates();
        assertThat(run.err()).contains("in/renamed.txt has size and time of modification of", "not done again");
        assertThat(manifest("out").at("/warnings/0").textValue()).contains("in/renamed.txt");
        // A file that has only its size may be another.
        Files.setLastModifiedTime(input.resolve("renamed.txt"), FileTime.fromMillis(1_000_000_000_000L));
        assertThat(texts("out", input).err()).contains("in/renamed.txt has the size of", "twice");
        assertThat(rows("out")).hasSize(60);
    }

    @ParameterizedTest
    @CsvSource({"resume, 2, 'holds files that no run'", "overwrite, 2, 'deletes nothing there'", "fail, 2, exists"})
    void nothingIsDeletedThatNoRunWrote(String mode, int exitCode, String message) throws IOException {
        Path model = Files.createDirectories(path("out/model"));
        Files.writeString(model.resolve("config.json"), "{}");
        run("out", LocalSpark.CORPUS, "--mode", mode).assertRefused(exitCode, message);
        assertThat(model.resolve("config.json")).exists();
        assertThat(path("out/_spark_qwen")).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "${home}", ".", ".."})
    void noDirectoryOfOthersIsOverwritten(String output) {
        String path = output.replace("${home}", System.getProperty("user.home"));
        CommandRun.of(arguments("../data-samples/README.md", path, "--mode", "overwrite"))
                .assertRefused(2, "--output", "choose another --output"); // the input lies in some of them
    }

    @Test
    void overwritingDeletesByNameWhatTheRunWrote() throws IOException {
        run("out", LocalSpark.CORPUS, "--limit", "20");
        Files.writeString(path("out/.hidden"), "not ours");
        Files.writeString(Files.createDirectories(path("out/_model")).resolve("config.json"), "not ours");
        CommandRun anew = run("out", LocalSpark.CORPUS, "--limit", "30", "--mode", "overwrite");
        assertThat(anew.exitCode()).as(anew.err()).isZero();
        assertThat(rows("out")).hasSize(30);
        assertThat(path("out/.hidden")).exists();
        assertThat(path("out/_model/config.json")).exists();
        Files.writeString(path("out/letters.txt"), "not ours");
        for (String mode : List.of("resume", "overwrite")) {
            run("out", LocalSpark.CORPUS, "--limit", "30", "--mode", mode)
                    .assertRefused(2, "letters.txt, which it did not write");
        }
        assertThat(path("out/letters.txt")).exists();
    }

    @Test
    void whatAKilledOverwriteLeavesCanBeOverwritten() throws IOException {
        run("out", LocalSpark.CORPUS, "--limit", "20");
        Files.delete(path("out/_spark_qwen/run.json"));
        run("out", LocalSpark.CORPUS, "--limit", "20").assertRefused(2, "has lost its _spark_qwen/run.json");
        CommandRun anew = run("out", LocalSpark.CORPUS, "--limit", "20", "--mode", "overwrite");
        assertThat(anew.exitCode()).as(anew.err()).isZero();
        assertThat(rows("out")).hasSize(20);
    }

    @Test
    void aPlaceThatSparkCannotWriteToIsNamed() throws IOException {
        Path file = Files.writeString(path("file"), "no directory");
        run("out", LocalSpark.CORPUS, "--conf", "spark.local.dir=" + file.resolve("tmp"))
                .assertRefused(2, "Spark cannot write to " + file.resolve("tmp"), "spark.local.dir");
    }

    @Test
    void aLimitTakesTheFirstRowsAndCountsNoMoreFilesThanItNeeds() throws IOException {
        Path input = textFiles("in", 30, 5);
        texts("out", input, "--limit", "7", "--checkpoint-rows", "3");
        assertThat(rows("out")).hasSize(7).contains("0.txt line 0", "0.txt line 4", "1.txt line 1");
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(3);
        assertThat(Files.readString(path("out/_spark_qwen/plans/00000.json"))).doesNotContain("in/29.txt");
        texts("out", input, "--limit", "7", "--checkpoint-rows", "3");
        assertThat(rows("out")).hasSize(7);
    }

    @Test
    void aSourceThatDoesNotTellItsFilesIsDoneByIntervals() throws IOException {
        String[] source = {"--checkpoint-rows", "50", "--conf", "spark.sql.sources.useV1SourceList="};
        CommandRun run = run("out", LocalSpark.CORPUS, source);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(5);
        assertThat(rows("out")).hasSize(220).doesNotHaveDuplicates();
        assertThat(run("out", LocalSpark.CORPUS, source).exitCode()).isZero();
        assertThat(list("out", "part-*.parquet")).hasSize(5);
        run("few", LocalSpark.CORPUS, "--limit", "7", "--conf", "spark.sql.sources.useV1SourceList=");
        assertThat(rows("few")).hasSize(7);
    }

    @Test
    void malformedStringsAndPartitionColumnsPassUnchanged() throws IOException {
        byte[] latin = "Stra\u00dfe\n".getBytes(StandardCharsets.ISO_8859_1);
        for (String language : List.of("de", "en")) {
            Files.write(Files.createDirectories(path("in/language=" + language)).resolve("a.txt"), latin);
        }
        texts("out", path("in"), "--checkpoint-rows", "1");
        Dataset<Row> out = LocalSpark.session().read().parquet(out("out"));
        assertThat(out.selectExpr("hex(value)", "language", "error is null").collectAsList())
                .extracting(Row::toString)
                .containsExactlyInAnyOrder("[53747261DF65,de,false]", "[53747261DF65,en,false]");
    }

    @Test
    void anEmptyInputHasAnOutputWithAllColumns() throws IOException {
        LocalSpark.corpus().limit(0).write().parquet(out("in"));
        CommandRun run = run("out", out("in"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(LocalSpark.session().read().parquet(out("out")).columns()).contains("text", "token_ids", "error");
    }

    @Test
    void filesOfTheOutputHaveAboutTheSizeAskedFor() throws IOException {
        run("one", LocalSpark.CORPUS, "--checkpoint-rows", "220");
        assertThat(list("one", "part-*.parquet")).hasSize(1);
        run("many", LocalSpark.CORPUS, "--checkpoint-rows", "110", "--target-file-size", "20k");
        assertThat(list("many", "part-*.parquet")).hasSizeBetween(6, 24);
        assertThat(rows("many")).isEqualTo(rows("one"));
    }

    private static final RunIdentity IDENTITY = new RunIdentity(Map.of("job", "test"));

    /// Starts a run over lines of text, for a job of the test's own.
    private JobRun start(Path input, long checkpointRows) {
        LocalSpark.session();
        RunSettings settings = RunSettings.of(InputFormat.of("text", input.toString()), out("out"))
                .withCheckpointRows(checkpointRows)
                .withTargetFileSize(1 << 20);
        return JobRun.start("test", settings);
    }

    private CommandRun run(String output, String input, String... options) {
        return CommandRun.of(LocalSpark.command("tokenize", input, out(output), options));
    }

    private CommandRun texts(String output, Path input, String... options) {
        return CommandRun.of(arguments(input.toString(), out(output), options));
    }

    private static String[] arguments(String input, String output, String... options) {
        List<String> all = new ArrayList<>(List.of("tokenize", "--model", LocalSpark.MODEL.toString()));
        all.addAll(List.of("--input", input, "--input-format", "text", "--text-column", "value", "--output", output));
        all.addAll(List.of(options));
        return all.toArray(String[]::new);
    }

    /// Writes `count` files of `lines` lines each, all different. Existing files stay unchanged.
    private Path textFiles(String name, int count, int lines) throws IOException {
        Path in = Files.createDirectories(path(name));
        for (int i = 0; i < count; i++) {
            String file = i + ".txt";
            if (!Files.exists(in.resolve(file))) {
                Files.write(
                        in.resolve(file),
                        IntStream.range(0, lines)
                                .mapToObj(line -> file + " line " + line)
                                .toList());
            }
        }
        return in;
    }

    /// Returns the first column of an output, sorted.
    private List<String> rows(String output) {
        return LocalSpark.session().read().parquet(out(output)).collectAsList().stream()
                .map(row -> row.getString(0))
                .sorted()
                .toList();
    }

    private JsonNode manifest(String output) throws IOException {
        return new ObjectMapper().readTree(path(output + "/_run.json").toFile());
    }

    private JsonNode commit(String output, int interval) throws IOException {
        return new ObjectMapper()
                .readTree(path("%s/_spark_qwen/commits/%05d.json".formatted(output, interval))
                        .toFile());
    }

    /// Returns the data files of these intervals.
    private List<String> files(String output, int... intervals) throws IOException {
        List<String> files = new ArrayList<>();
        for (int interval : intervals) {
            for (JsonNode file : commit(output, interval).at("/files")) {
                assertThat(path(output).resolve(file.textValue())).exists();
                files.add(file.textValue());
            }
        }
        return files;
    }

    private List<Path> list(String name, String glob) throws IOException {
        List<Path> files = new ArrayList<>();
        try (var found = Files.newDirectoryStream(path(name), glob)) {
            found.forEach(files::add);
        }
        return files.stream().sorted().toList();
    }

    private Path path(String name) {
        return directory.resolve(name);
    }

    private String out(String name) {
        return path(name).toString();
    }
}
