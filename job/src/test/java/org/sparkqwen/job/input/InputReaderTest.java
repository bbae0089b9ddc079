package org.sparkqwen.job.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// The reader reads what is there, or says what it does not read. The values are those of Python's `json` and `csv`.
class InputReaderTest {
    private static final Map<String, String> HEADER = Map.of("header", "true");

    @TempDir
    private Path directory = Path.of("");

    private final Warnings warnings = new Warnings(new PrintStream(OutputStream.nullOutputStream()));

    /// Each file is a split. With a task for each of a million files, the driver would be busy for an hour.
    @ParameterizedTest
    @ValueSource(strings = {"json", "csv", "parquet"})
    void manyFilesNeedFewTasks(String format) throws Exception {
        SparkSession spark = LocalSpark.session();
        int files = 60;
        spark.range(0, files, 1, files)
                .selectExpr("cast(id as string) as text")
                .write()
                .format(format)
                .save(path("in").toString());
        AtomicInteger most = new AtomicInteger();
        SparkListener stages = new SparkListener() {
            @Override
            public void onStageSubmitted(SparkListenerStageSubmitted stage) {
                most.accumulateAndGet(stage.stageInfo().numTasks(), Math::max);
            }
        };
        spark.sparkContext().listenerBus().waitUntilEmpty();
        spark.sparkContext().addSparkListener(stages);
        try {
            InputFormat input = InputFormat.of(format, path("in").toString());
            InputScan scan =
                    new InputScan(new InputReader(spark, input, path("out").toString(), warnings)
                            .open()
                            .all());
            assertThat(scan.splits()).hasSize(files);
            InputPlan plan =
                    InputPlan.of(scan.count(List.copyOf(scan.splits()), input).rows(), scan.files());
            PlannedRows planned = PlannedRows.of(List.of(plan));
            assertThat(scan.read(planned.pieces(0, planned.rows())).count()).isEqualTo(files);
            spark.sparkContext().listenerBus().waitUntilEmpty();
        } finally {
            spark.sparkContext().removeSparkListener(stages);
        }
        assertThat(most.get()).isBetween(1, InputScan.tasks(2));
    }

    @Test
    void aLineThatIsNotJsonIsARowThatSaysWhatIsWrong() throws IOException {
        List<String> lines = List.of(
                "{\"id\": 0, \"text\": \"whole \\ud83d\\ude00 \\\\ud800\"}",
                "{\"id\": 1, \"text\": \"cut",
                "",
                "{\"id\": 2, \"text\": \"half \\ud800 pair\"}",
                "{\"id\": 3, \"text\": \"half \\udc00\"}",
                "{\"id\": 4, \"text\": \"one\", \"text\": \"two\"}",
                "{\"id\": 5, \"text\": \"one\"} {\"id\": 6, \"text\": \"two\"}",
                "{\"id\": 7, \"text\": \"whole\", \"more\": {\"deep\": [\"\\udbff\"]}}",
                "no JSON",
                "[{\"id\": 8, \"text\": \"eight\"}, {\"id\": 9, \"text\": \"nine\"}]");
        Files.writeString(path("in.json"), String.join("\n", lines) + "\n");
        try (OutputStream more = Files.newOutputStream(path("in.json"), java.nio.file.StandardOpenOption.APPEND)) {
            more.write("{\"id\": 10, \"text\": \"caf\u00e9\"}\n".getBytes(StandardCharsets.ISO_8859_1));
        }
        assertThat(rows("in.json", "json"))
                .extracting(row -> row.<String>getAs("text"), row -> row.<String>getAs("error"))
                .satisfiesExactly(
                        row -> assertThat(row.toList()).containsExactly("whole \ud83d\ude00 \\ud800", null),
                        row -> assertError(row.toList(), "the line is not JSON: Unexpected end-of-input"),
                        row -> assertError(row.toList(), "\\ud800 is half of a surrogate pair", "'text'"),
                        row -> assertError(row.toList(), "\\udc00 is half of a surrogate pair", "'text'"),
                        row -> assertError(row.toList(), "Duplicate field 'text'"),
                        row -> assertError(row.toList(), "there is more behind the value, at byte 24"),
                        row -> assertError(row.toList(), "\\udbff is half of a surrogate pair"),
                        row -> assertError(row.toList(), "the line is not JSON: Unrecognized token 'no'"),
                        row -> assertThat(row.toList()).containsExactly("eight", null),
                        row -> assertThat(row.toList()).containsExactly("nine", null),
                        row -> assertError(row.toList(), "it is not UTF-8 at byte 23"));
    }

    private static void assertError(List<Object> textAndError, String... parts) {
        assertThat(String.valueOf(textAndError.get(1))).contains(parts);
    }

    @Test
    void whatIsNotAskedForIsNotInTheWay() throws IOException {
        Files.writeString(path("in.json"), "{\"id\": 1, \"text\": \"whole\", \"more\": \"\\ud800\"}\n");
        assertThat(rows("in.json", "json", "--columns", "id"))
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly((String) null);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[{\"id\": 1,\n \"text\": \"a [ }\\\" b\"},\n {\"id\": 2, \"text\": \"c\"}]",
                "{\"id\": 1,\n \"text\": \"a [ }\\\" b\"}\n{\"id\": 2,\n\"text\": \"c\"}",
                "\ufeff{\"id\": 1, \"text\": \"a [ }\\\" b\"}\n{\"id\": 2, \"text\": \"c\"}\n"
            })
    void jsonOverManyLinesIsNamedAndReadWhenItIsAskedFor(String json) throws IOException {
        Files.writeString(path("in.json"), json);
        if (!json.startsWith("\ufeff")) {
            refused(1, input("json", "in.json"), "multiLine=true", out("in.json"));
        }
        assertThat(read(input("json", Map.of("multiLine", "true"), "in.json"), "id", "text"))
                .containsExactly(RowFactory.create(1L, "a [ }\" b", null), RowFactory.create(2L, "c", null));
    }

    @Test
    void aStringAboveJacksonsLimitIsRead() throws IOException {
        String text = "The whale swam. ".repeat(1_300_000);
        Files.writeString(
                path("in.json"), "{\"id\": 1, \"text\": \"%s\"}\n{\"id\": 2, \"text\": \"b\"}\n".formatted(text));
        assertThat(read(input("json", "in.json"), "id", "text"))
                .containsExactly(RowFactory.create(1L, text, null), RowFactory.create(2L, "b", null));
    }

    static Stream<Arguments> contents() {
        return Stream.of(
                Arguments.of("fd377a585a000004", "it is xz"),
                Arguments.of("04224d1864402700", "it is lz4"),
                Arguments.of("28b52ffd24000000", "it is zstd, and its name does not end in .zst"),
                Arguments.of("425a683931415926", "it is bzip2, and its name does not end in .bz2"),
                Arguments.of("504b030414000000", "it is zip"),
                Arguments.of("5041523115041500", "--input-format is parquet"),
                Arguments.of("fffe7b0022006900", "it is UTF-16"));
    }

    @ParameterizedTest
    @MethodSource("contents")
    void aFileOfAnotherKindIsNamed(String bytes, String reason) throws IOException {
        Files.write(path("in.json"), HexFormat.of().parseHex(bytes));
        refused(1, input("json", "in.json"), out("in.json"), reason);
    }

    @Test
    void gzipWithoutItsEndingIsNamedAndLeftOut() throws IOException {
        Files.createDirectories(path("in"));
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(path("in/a.json")))) {
            out.write("{\"id\": 1, \"text\": \"a\"}\n".getBytes(StandardCharsets.UTF_8));
        }
        Files.copy(path("in/a.json"), path("in/b.json.gz"));
        for (String format : List.of("json", "csv", "text")) {
            refused(1, input(format, "in"), "a.json (it is gzip, and its name does not end in .gz");
        }
        CommandRun run = run("in", "out", "json", "--on-error", "drop");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 1 row in", "left out    1 input file");
    }

    @Test
    void csvIsReadAsOtherToolsWriteIt() throws IOException {
        List<String> files = List.of(
                "id,text\n1,\"He said \"\"hello\"\"\"\n2,plain\n",
                "id,text\n3,\"two\nlines\"\n4,x\n",
                "id,text\r\n5,\"two\r\nlines\"\r\n6,x\r\n",
                "id,text\r7,\"a\rb\"\r8,x\r",
                "\ufeffid,text\n9,back\\slash\n10,\"\"\"\"\n",
                "id,text\n11,\"back\\\"\n12,\"a,b\"\n",
                "id,text\n13,5\" pipe\n14, spaced \n");
        Files.createDirectories(path("in"));
        for (int i = 0; i < files.size(); i++) {
            Files.writeString(path("in/%d.csv".formatted(i)), files.get(i));
        }
        assertThat(read(input("csv", HEADER, "in"), "id", "text"))
                .extracting(row -> row.getString(0) + ": " + row.getString(1) + ", problem: " + row.getString(2))
                .containsExactlyInAnyOrder(
                        "1: He said \"hello\", problem: null",
                        "2: plain, problem: null",
                        "3: two\nlines, problem: null",
                        "4: x, problem: null",
                        "5: two\r\nlines, problem: null",
                        "6: x, problem: null",
                        "7: a\rb, problem: null",
                        "8: x, problem: null",
                        "9: back\\slash, problem: null",
                        "10: \", problem: null",
                        "11: back\\, problem: null",
                        "12: a,b, problem: null",
                        "13: 5\" pipe, problem: null",
                        "14:  spaced , problem: null");
    }

    @Test
    void aRecordThatIsNoneOfTheTableIsARowWithAnError() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(
                path("in/a.csv"), "id,text\n0,whole\n1,too,many\n2\n3,\"not \"doubled\"\n4,whole\n5,\"open\n6,x\n");
        try (OutputStream more = Files.newOutputStream(path("in/latin.csv"))) {
            more.write("id,text\n0,caf\u00e9\n1,plain\n".getBytes(StandardCharsets.ISO_8859_1));
        }
        assertThat(rows("in", "csv", "--input-option", "header=true"))
                .extracting(row -> String.valueOf(row.<String>getAs("error")))
                .containsExactly(
                        "null",
                        "the record has 3 fields, not 2",
                        "the record has 1 field, not 2",
                        "a quote within the quoted field is not doubled",
                        "null",
                        "the quote is not closed: the rest of the file was read as this field",
                        "the text is not valid UTF-8 at byte 3",
                        "null");
    }

    /// The footers of files that are alike are not read again before a run.
    @Test
    void filesWithTheSameColumnsAreAlike() throws IOException {
        parquet("in", "a.parquet", "1L as id, 'a' as text");
        parquet("in", "b.parquet", "2L as id, 'b' as text");
        InputFormat input = InputFormat.of("parquet", path("in").toString());
        InputReader same = reader(input, "out");
        same.open();
        assertThat(same.areAlike()).isTrue();

        parquet("in", "c.parquet", "3 as id, 'c' as text");
        InputReader others = reader(input, "out");
        others.open();
        assertThat(others.areAlike()).isFalse();
    }

    @Test
    void aHeaderThatIsAnotherOneIsNamed() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.csv"), "id,text\n1,a\n");
        Files.writeString(path("in/b.csv"), "text,id\nb,2\n");
        InputFormat input = input("csv", HEADER, "in");
        InputScan scan = new InputScan(reader(input, "out").open().all());
        assertThat(scan.count(List.copyOf(scan.splits()), input).unreadable().toString())
                .contains("b.csv (its header is text,id, and that of the first file id,text)");
    }

    @ParameterizedTest
    @CsvSource({
        "t/_delta_log/0.json,t,a Delta table,--input-format delta",
        "t/_delta_log/0.json,.,contains a Delta table,--input-format delta",
        "t/_delta_log/0.json,t/part=1,lies in a Delta table,--input-format delta",
        "t/_delta_log/0.json,t/part=*,lies in a Delta table,--input-format delta",
        "t/metadata/v1.metadata.json,t,an Iceberg table,--input-format iceberg",
        "t/metadata/v1.metadata.json,t/part=1,lies in an Iceberg table,--input-format iceberg",
        "t/.hoodie/hoodie.properties,t,a Hudi table,--input-format hudi"
    })
    void aTableIsNotReadAsItsFiles(String log, String input, String what, String how) throws IOException {
        Files.createDirectories(path(log).getParent());
        Files.writeString(path(log), "{}");
        parquet("t/part=1", "a.parquet", "1L as id, 'a' as text");
        refused(2, input("parquet", input), what, how);
    }

    @Test
    void filesInSubDirectoriesAreReadAndHiddenOnesAreNamed() throws IOException {
        parquet("in", "a.parquet", "1L as id, 'a' as text");
        parquet("in/deep/er", "b.parquet", "2L as id, 'b' as text");
        parquet("in/_old", "c.parquet", "3L as id, 'c' as text");
        refused("in/deep/out", 2, input("parquet", "in"), "in/deep/out lies in --input " + path("in"));
        CommandRun run = run("in", "in/_out", "parquet"); // readers pass over this output
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 2 rows");
        assertThat(run.err()).contains("warning: the input has 1 file that is not read", "in/_old/c.parquet");
        assertThat(new ObjectMapper()
                        .readTree(path("in/_out/_run.json").toFile())
                        .at("/warnings"))
                .hasSize(1);
    }

    @Test
    void directoriesWithValuesAreColumnsIfAllFilesLieInThem() {
        parquet("parts/x=1/more", "a.parquet", "1L as id, 'a' as text");
        parquet("parts/x=2", "b.parquet", "2L as id, 'b' as text");
        assertThat(read(input("parquet", "parts"), "x"))
                .containsExactly(RowFactory.create(1, null), RowFactory.create(2, null));
        parquet("parts", "c.parquet", "3L as id, 'c' as text");
        refused(2, input("parquet", "parts"), "different partition columns", "recursiveFileLookup=true");
        assertThat(read(input("parquet", Map.of("recursiveFileLookup", "true"), "parts"), "id"))
                .containsExactlyInAnyOrder(
                        RowFactory.create(1L, null), RowFactory.create(2L, null), RowFactory.create(3L, null));
    }

    @Test
    void anInputWithoutFilesOrBytesSaysSo() throws IOException {
        Files.createDirectories(path("in/empty"));
        refused(2, input("parquet", "in"), "in has no files");
        Files.writeString(path("in/_hidden"), "x");
        refused(2, input("parquet", "in"), "in has no files but hidden ones", "_hidden");
        Files.writeString(path("in/a.json"), "");
        refused(2, input("json", "in"), "--input has no bytes", "a.json is empty");
        refused(2, InputFormat.of("json", "https://example.org/a.json"), "an address of the web (https:)");
    }

    @Test
    void aPathThatExistsIsThatFile() throws IOException {
        List<String> names = List.of(
                "a[1].json",
                "a{b,c}.json",
                "a*.json",
                "a?.json",
                "a b.json",
                "a%20b.json",
                "a,b.json",
                "a\\b.json",
                "\u00e4\ud83d\ude00.json",
                "a\nb.json",
                "d[x]/a.json",
                "a#b&c=d.json",
                "d:x/a.json");
        Files.createDirectories(path("in"));
        List<String> more = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            Path file = path("in").resolve(names.get(i));
            Files.createDirectories(file.getParent());
            Files.writeString(file, "{\"id\": %d, \"text\": \"this\"}\n".formatted(i));
            more.addAll(List.of("--input", out("in/" + names.get(i))));
        }
        for (String other : List.of("a1.json", "ab.json", "ac.json", "axx.json", "d[x]/b.txt", "dx/a.json")) {
            Files.createDirectories(path("in/" + other).getParent());
            Files.writeString(path("in/" + other), "{\"id\": -1, \"text\": \"another\"}\n");
        }
        List<Row> rows = rows("in/d[x]/*.json", "json", more.toArray(String[]::new));
        assertThat(rows)
                .extracting(row -> (int) (long) row.<Long>getAs("id"))
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, names.size()).boxed().toList());

        Files.writeString(path("in/a:b.json"), "{}");
        refused(2, input("json", "in/a:b.json"), "a:b.json", "colon in its name");
    }

    @Test
    void aFileThatIsNamedTwiceIsReadOnceAndThatIsSaid() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.json"), "{\"id\": 1, \"text\": \"a\"}\n");
        Files.writeString(path("in/b.json"), "{\"id\": 2, \"text\": \"b\"}\n");
        assertThat(read(input("json", "in/*.json", "in/a.json", "in"), "id"))
                .containsExactly(RowFactory.create(1L, null), RowFactory.create(2L, null));
        assertThat(warnings.lines())
                .singleElement()
                .asString()
                .startsWith("3 of the --input paths are named twice or lie in another one");
    }

    @Test
    void columnsThatDifferByCaseAreNamedOrKeptApart() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.json"), "{\"id\": 1, \"text\": \"a\"}\n");
        Files.writeString(path("in/b.json"), "{\"id\": 2, \"Text\": \"b\"}\n");
        String apart = "spark.sql.caseSensitive=true";
        refused(2, input("json", "in"), "'Text' and 'text' differ by case only; --conf " + apart);
        try {
            assertThat(run("in", "out", "json", "--conf", apart).out()).contains("Tokenized 2 rows");
            LocalSpark.session().conf().set("spark.sql.caseSensitive", true);
            parquet("twins", "a.parquet", "1L as id, 'a' as text, 'b' as Text");
        } finally {
            LocalSpark.session().conf().unset("spark.sql.caseSensitive"); // the command sets it in a session that stays
        }
        refused(2, input("parquet", "twins"), "'text' and 'Text' differ by case only; --conf " + apart);
    }

    @Test
    void filesWithOtherColumnsAreSaid() {
        parquet("in", "a.parquet", "1L as id, 'a' as text, 1 as first");
        parquet("in", "b.parquet", "2L as id, 'b' as text, 2 as second");
        assertThat(read(input("parquet", "in"), "id"))
                .containsExactlyInAnyOrder(RowFactory.create(1L, null), RowFactory.create(2L, null));
        assertThat(warnings.lines())
                .satisfiesExactlyInAnyOrder(
                        line -> assertThat(line).startsWith("column 'first' is in 1 of 2 input files only, such as "),
                        line -> assertThat(line)
                                .startsWith("column 'second' is in 1 of 2 input files only, such as ")
                                .endsWith("--input-option mergeSchema=true reads it"));
    }

    private void parquet(String directory, String name, String columns) {
        String part = out("part-" + System.nanoTime());
        LocalSpark.session()
                .range(0, 1, 1, 1)
                .selectExpr(columns.split(", "))
                .write()
                .parquet(part);
        try (var files = Files.newDirectoryStream(Path.of(part), "part-*.parquet")) {
            Files.createDirectories(path(directory));
            Files.move(files.iterator().next(), path(directory).resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private InputFormat input(String format, String... names) {
        return input(format, Map.of(), names);
    }

    /// Returns files, directories or globs as the command line makes an input of them.
    private InputFormat input(String format, Map<String, String> options, String... names) {
        List<String> paths = Stream.of(names).map(this::out).toList();
        return new InputFormat(paths, format, InputFormat.withDefaults(format, options), false);
    }

    private InputReader reader(InputFormat input, String output) {
        return new InputReader(LocalSpark.session(), input, out(output), warnings);
    }

    /// Returns rows with these columns. Behind them is what is wrong with the row; null if nothing is.
    private List<Row> read(InputFormat input, String... columns) {
        InputRows rows = reader(input, "out").open();
        List<Column> wanted = Stream.of(columns).map(functions::col).toList();
        return rows.only(RowProblem.behind(wanted, rows.all().schema()).toArray(Column[]::new))
                .collectAsList();
    }

    private void refused(int exitCode, InputFormat input, String... parts) {
        refused("out", exitCode, input, parts);
    }

    private void refused(String output, int exitCode, InputFormat input, String... parts) {
        assertThatThrownBy(() -> reader(input, output).open())
                .isInstanceOfSatisfying(
                        Refusal.class, refusal -> assertThat(refusal.exitCode()).isEqualTo(exitCode))
                .hasMessageContainingAll(parts)
                .hasMessageNotContaining("\n");
    }

    /// Returns the rows of a command's output, in the order of the input.
    private List<Row> rows(String input, String format, String... options) {
        String output = "out-" + System.nanoTime();
        CommandRun run = run(input, output, format, options);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return LocalSpark.session().read().parquet(out(output)).coalesce(1).collectAsList();
    }

    private CommandRun run(String input, String output, String format, String... options) {
        List<String> all = new ArrayList<>(List.of("--input-format", format));
        all.addAll(List.of(options));
        return CommandRun.of(LocalSpark.command("tokenize", out(input), out(output), all.toArray(String[]::new)));
    }

    private Path path(String name) {
        return directory.resolve(name);
    }

    private String out(String name) {
        return directory + "/" + name;
    }
}
