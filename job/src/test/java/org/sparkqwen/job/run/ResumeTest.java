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
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.LocalWork;

/// Runs that are cut into intervals, interrupted, and started again, with `tokenize`, which needs no model.
class ResumeTest {
    /// Finished runs that no test changes.
    @TempDir
    private static Path finished = Path.of("");

    @TempDir
    private Path directory = Path.of("");

    /// Runs over the corpus without limits, over its first 20 rows, and in intervals of 50 rows.
    @BeforeAll
    static void finishRuns() {
        for (String[] options :
                new String[][] {{"whole"}, {"twenty", "--limit", "20"}, {"fifties", "--checkpoint-rows", "50"}}) {
            CommandRun run = CommandRun.of(LocalSpark.command(
                    "tokenize",
                    LocalSpark.CORPUS,
                    finished.resolve(options[0]),
                    Arrays.copyOfRange(options, 1, options.length)));
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.out()).contains("Tokenized %d rows".formatted(options[0].equals("twenty") ? 20 : 220));
        }
    }

    /// Copies a finished run to `out`.
    private void copyToOut(String run) throws IOException {
        Path from = finished.resolve(run);
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, path("out").resolve(from.relativize(file)));
            }
        }
    }

    @Test
    void intervalsInsideOneFileHaveEachRowOnce() throws IOException {
        copyToOut("fifties");
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(5);
        assertThat(rows("out")).hasSize(220).isEqualTo(rows(finished.resolve("whole")));
        assertThat(manifest("out").at("/intervals").intValue()).isEqualTo(5);
        assertThat(manifest("out").at("/restarts").intValue()).isZero();
        assertThat(manifest("out").at("/time_of_last_5_percent").doubleValue()).isBetween(0.0, 1.0);
    }

    @Test
    void withoutLimitsTheFirstIntervalIsShort() throws IOException {
        copyToOut("whole");
        assertThat(commit("out", 0).at("/to").intValue()).isEqualTo(32); // 16 for each of two cores
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(2);
        assertThat(list("out", "part-*.parquet")).hasSize(2);
    }

    @Test
    @Tag("slow")
    void theOutputHasTheOrderOfTheInputWhateverSizeItsIntervalsAndFilesHave() throws IOException {
        // The input has 119k.
        run("out", LocalSpark.CORPUS, "--checkpoint-bytes", "40k", "--target-file-size", "12k", "--columns", "id");
        List<String> expected = LocalSpark.session().read().parquet(LocalSpark.CORPUS).collectAsList().stream()
                .map(row -> row.<String>getAs("id"))
                .toList();
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(3);
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
        assertThat(list("out", "part-*.parquet")).hasSizeBetween(6, 24);
        assertThat(written).isEqualTo(expected);
    }

    @Test
    void aBrokenRunGoesOnAfterItsLastCommit() throws IOException {
        copyToOut("fifties");
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
    void aFinishedRunDoesNewFilesAloneAndRefusesChangedOnes() throws IOException {
        Path input = textFiles("in", 2, 20);
        assertThat(texts(input, 100).rows()).isEqualTo(40);
        List<Path> before = list("out", "part-*");
        assertThat(texts(input, 100).wasComplete()).isTrue();
        assertThat(list("out", "part-*")).isEqualTo(before);

        textFiles("in", 3, 20);
        assertThat(texts(input, 100).rows()).isEqualTo(60);
        assertThat(list("out", "part-*")).containsAll(before);
        assertThat(list("out/_spark_qwen/plans", "*.json")).hasSize(2);
        assertThat(rows("out")).hasSize(60).doesNotHaveDuplicates();
        assertThat(commit("out", before.size()).at("/from").intValue()).isEqualTo(40);

        Files.writeString(input.resolve("1.txt"), "other contents\n");
        assertThatThrownBy(() -> texts(input, 100))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("in/1.txt has changed since the run was planned");
    }

    @Test
    void anotherRunIsRefusedWithTheDifference() throws IOException {
        copyToOut("twenty");
        List<String> before = rows("out");
        run("out", LocalSpark.CORPUS, "--limit", "30", "--special-tokens", "parse")
                .assertRefused(
                        2,
                        "holds a run of other options: limit 20, not 30; special-tokens text, not parse; choose another"
                                + " --output, or --mode overwrite");
        run("out", LocalSpark.CORPUS, "--limit", "20", "--mode", "fail").assertRefused(2, "exists");
        CommandRun.of(LittleModel.command("score", LocalSpark.CORPUS, out("out")))
                .assertRefused(2, "job tokenize, not score", "more");
        assertThat(rows("out")).isEqualTo(before);
    }

    @Test
    void anOutputThatIsPartOfTheInputIsRefused() throws IOException {
        Path input = textFiles("in", 1, 3);
        refused(
                RunSettings.of(InputFormat.of("text", input.toString()), input.toString())
                        .withMode(RunSettings.Mode.OVERWRITE),
                "lies in --output");
        assertThat(input.resolve("0.txt")).exists();
    }

    @Test
    void aFileThatIsGoneIsMissedOnlyWhileItsRowsAreNeeded() throws IOException {
        Path input = textFiles("in", 3, 20);
        texts(input, 20);
        Files.delete(path("out/_spark_qwen/commits/00002.json"));
        Files.delete(input.resolve("0.txt"));
        Path third = Files.move(input.resolve("2.txt"), path("elsewhere.txt"));
        assertThatThrownBy(() -> texts(input, 20)).isInstanceOf(Refusal.class).hasMessageContaining("in/2.txt is gone");
        Files.move(third, input.resolve("2.txt"));
        assertThat(texts(input, 20).rows()).isEqualTo(60);
        assertThat(rows("out")).hasSize(60).doesNotHaveDuplicates();
    }

    @Test
    void dataThatIsNotWhatWasWrittenIsNoticedByTheNextStart() throws IOException {
        copyToOut("twenty");
        Path data = list("out", "part-*.parquet").getFirst();
        byte[] content = Files.readAllBytes(data);
        content[content.length / 2] = (byte) (content[content.length / 2] ^ 1);
        for (boolean sameSize : new boolean[] {true, false}) {
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
        }
        Files.delete(data);
        run("out", LocalSpark.CORPUS, "--limit", "20")
                .assertRefused(1, data.getFileName() + ", which interval 0 wrote");
        // The message says to do this.
        Files.delete(path("out/_spark_qwen/commits/00000.json"));
        CommandRun again = run("out", LocalSpark.CORPUS, "--limit", "20");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(rows("out")).hasSize(20);
    }

    @Test
    void aCopyOfAnOutputIsAsGoodAsTheOutputWhateverTheIntervalsAre() throws IOException {
        copyToOut("twenty");
        List<Path> data = list("out", "part-*.parquet");
        for (Path file : data) {
            Files.setLastModifiedTime(file, FileTime.fromMillis(0));
        }
        // Neither speed nor intervals change the run's identity.
        CommandRun same = run("out", LocalSpark.CORPUS, "--limit", "20", "--checkpoint-rows", "3", "--verbose");
        assertThat(same.exitCode()).as(same.err()).isZero();
        assertThat(same.out()).contains("Tokenized 20 rows");
        assertThat(list("out", "part-*.parquet")).isEqualTo(data);
        assertThat(manifest("out").at("/restarts").intValue()).isZero();
    }

    @Test
    void anInputFileUnderAnotherNameIsNotDoneTwice() throws IOException {
        Path input = textFiles("in", 2, 20);
        texts(input, 100);
        Files.move(input.resolve("0.txt"), input.resolve("renamed.txt"));
        RunSummary renamed = texts(input, 100);
        assertThat(rows("out")).hasSize(40).doesNotHaveDuplicates();
        assertThat(renamed.warnings())
                .singleElement()
                .asString()
                .contains("in/renamed.txt has size and time of modification of", "not done again");
        // A file that has only its size may be another.
        Files.setLastModifiedTime(input.resolve("renamed.txt"), FileTime.fromMillis(1_000_000_000_000L));
        assertThat(texts(input, 100).warnings())
                .singleElement()
                .asString()
                .contains("in/renamed.txt has the size of", "twice");
        assertThat(rows("out")).hasSize(60);
    }

    @ParameterizedTest
    @CsvSource({
        "letters.txt, RESUME, holds files that no run of this version wrote",
        "model/config.json, RESUME, holds files that no run",
        "model/config.json, OVERWRITE, deletes nothing there",
        "model/config.json, FAIL, exists"
    })
    void nothingIsDeletedThatNoRunWrote(String file, RunSettings.Mode mode, String message) throws IOException {
        Path input = textFiles("in", 1, 3);
        Path other = path("out").resolve(file);
        Files.createDirectories(other.getParent());
        Files.writeString(other, "not ours");
        refused(
                RunSettings.of(InputFormat.of("text", input.toString()), out("out"))
                        .withMode(mode),
                message);
        assertThat(other).hasContent("not ours");
        assertThat(path("out/_spark_qwen")).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "${home}", ".", ".."})
    void noDirectoryOfOthersIsOverwritten(String output) {
        String path = output.replace("${home}", System.getProperty("user.home"));
        refused(
                RunSettings.of(InputFormat.of("text", "../data-samples/README.md"), path)
                        .withMode(RunSettings.Mode.OVERWRITE),
                "--output",
                "choose another --output"); // the input lies in some of them
    }

    @Test
    void overwritingDeletesByNameWhatTheRunWrote() throws IOException {
        copyToOut("twenty");
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
        copyToOut("twenty");
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
        String[] source = {"--limit", "70", "--checkpoint-rows", "50", "--conf", "spark.sql.sources.useV1SourceList="};
        CommandRun run = run("out", LocalSpark.CORPUS, source);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(list("out/_spark_qwen/commits", "*.json")).hasSize(2);
        assertThat(rows("out")).hasSize(70).doesNotHaveDuplicates();
        assertThat(run("out", LocalSpark.CORPUS, source).exitCode()).isZero();
        assertThat(list("out", "part-*.parquet")).hasSize(2);
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

    private static final RunIdentity IDENTITY = new RunIdentity(Map.of("job", "test"));

    /// Starts a run over lines of text, for a job of the test's own.
    private JobRun start(Path input, long checkpointRows) {
        LocalSpark.session();
        RunSettings settings = RunSettings.of(InputFormat.of("text", input.toString()), out("out"))
                .withCheckpointRows(checkpointRows)
                .withTargetFileSize(1 << 20);
        return JobRun.start("test", settings);
    }

    /// Runs over lines of text, or goes on with that, with work that passes each line.
    private RunSummary texts(Path input, long checkpointRows) {
        RunSettings settings = RunSettings.of(InputFormat.of("text", input.toString()), out("out"))
                .withCheckpointRows(checkpointRows);
        return ResumableRun.run(LocalSpark.session(), settings, passing());
    }

    private static LocalWork passing() {
        return new LocalWork((rows, counts) -> rows.selectExpr("value", "cast(null as string) as error"));
    }

    private static void refused(RunSettings settings, String... parts) {
        assertThatThrownBy(() -> ResumableRun.run(LocalSpark.session(), settings, passing()))
                .isInstanceOfSatisfying(
                        Refusal.class, refusal -> assertThat(refusal.exitCode()).isEqualTo(2))
                .hasMessageContainingAll(parts);
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
        return rows(path(output));
    }

    private static List<String> rows(Path output) {
        return LocalSpark.session().read().parquet(output.toString()).collectAsList().stream()
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
