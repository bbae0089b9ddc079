package org.sparkqwen.job.input;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// The reader reads what is there, or says what it does not read. The values are those of Python's `json` and `csv`.
class InputReaderTest {
    @TempDir
    private Path directory = Path.of("");

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
            run("in.json", "refused", "json")
                    .assertRefused(1, "multiLine=true", path("in.json").toString());
        }
        assertThat(rows("in.json", "json", "--input-option", "multiLine=true"))
                .extracting(row -> row.<Long>getAs("id"), row -> row.<String>getAs("text"))
                .extracting(row -> row.toList())
                .containsExactly(List.of(1L, "a [ }\" b"), List.of(2L, "c"));
    }

    @Test
    void aStringAboveJacksonsLimitIsRead() throws IOException {
        String text = "The whale swam. ".repeat(1_300_000);
        Files.writeString(
                path("in.json"), "{\"id\": 1, \"text\": \"%s\"}\n{\"id\": 2, \"text\": \"b\"}\n".formatted(text));
        assertThat(rows("in.json", "json", "--columns", "id"))
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly(null, null);
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
        run("in.json", "out", "json").assertRefused(1, path("in.json").toString(), reason);
    }

    @Test
    void gzipWithoutItsEndingIsNamedAndLeftOut() throws IOException {
        Files.createDirectories(path("in"));
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(path("in/a.json")))) {
            out.write("{\"id\": 1, \"text\": \"a\"}\n".getBytes(StandardCharsets.UTF_8));
        }
        Files.copy(path("in/a.json"), path("in/b.json.gz"));
        for (String format : List.of("json", "csv", "text")) {
            run("in", "refused", format).assertRefused(1, "a.json (it is gzip, and its name does not end in .gz");
        }
        CommandRun run = run("in", "out", "json", "--on-error", "drop");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 1 rows", "left out    1 input file");
    }

    /// Returns records and their second fields, as Python's `csv` reads them.
    static Stream<Arguments> csv() {
        return Stream.of(
                Arguments.of("id,text\n1,\"He said \"\"hello\"\"\"\n2,plain\n", List.of("He said \"hello\"", "plain")),
                Arguments.of("id,text\n1,\"two\nlines\"\n2,x\n", List.of("two\nlines", "x")),
                Arguments.of("id,text\r\n1,\"two\r\nlines\"\r\n2,x\r\n", List.of("two\r\nlines", "x")),
                Arguments.of("id,text\r1,\"a\rb\"\r2,x\r", List.of("a\rb", "x")),
                Arguments.of("\ufeffid,text\n1,back\\slash\n2,\"\"\"\"\n", List.of("back\\slash", "\"")),
                Arguments.of("id,text\n1,\"back\\\"\n2,\"a,b\"\n", List.of("back\\", "a,b")),
                Arguments.of("id,text\n1,5\" pipe\n2, spaced \n", List.of("5\" pipe", " spaced ")));
    }

    @ParameterizedTest
    @MethodSource("csv")
    void csvIsReadAsOtherToolsWriteIt(String csv, List<String> texts) throws IOException {
        Files.writeString(path("in.csv"), csv);
        assertThat(rows("in.csv", "csv", "--input-option", "header=true"))
                .extracting(row -> row.<String>getAs("text"))
                .isEqualTo(texts);
    }

    @Test
    void aRecordThatIsNoneOfTheTableIsARowWithAnError() throws IOException {
        Files.writeString(
                path("in.csv"), "id,text\n0,whole\n1,too,many\n2\n3,\"not \"doubled\"\n4,whole\n5,\"open\n6,x\n");
        try (OutputStream more = Files.newOutputStream(path("latin.csv"))) {
            more.write("id,text\n0,caf\u00e9\n1,plain\n".getBytes(StandardCharsets.ISO_8859_1));
        }
        assertThat(rows("in.csv", "csv", "--input-option", "header=true"))
                .extracting(row -> String.valueOf(row.<String>getAs("error")))
                .containsExactly(
                        "null",
                        "the record has 3 fields, not 2",
                        "the record has 1 field, not 2",
                        "a quote within the quoted field is not doubled",
                        "null",
                        "the quote is not closed: the rest of the file was read as this field");
        assertThat(rows("latin.csv", "csv", "--input-option", "header=true"))
                .extracting(row -> String.valueOf(row.<String>getAs("error")))
                .containsExactly("the text is not valid UTF-8 at byte 3", "null");
    }

    @Test
    void aHeaderThatIsAnotherOneIsNamed() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.csv"), "id,text\n1,a\n");
        Files.writeString(path("in/b.csv"), "text,id\nb,2\n");
        run("in", "out", "csv", "--input-option", "header=true")
                .assertRefused(1, "b.csv (its header is text,id, and that of the first file id,text)");
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
        run(input, "out", "parquet").assertRefused(2, what, how);
    }

    @Test
    void filesInSubDirectoriesAreReadAndHiddenOnesAreNamed() throws IOException {
        parquet("in", "a.parquet", "1L as id, 'a' as text");
        parquet("in/deep/er", "b.parquet", "2L as id, 'b' as text");
        parquet("in/_old", "c.parquet", "3L as id, 'c' as text");
        CommandRun run = run("in", "out", "parquet");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 2 rows");
        assertThat(run.err()).contains("warning: the input has 1 file that is not read", "in/_old/c.parquet");

        parquet("parts/x=1/more", "a.parquet", "1L as id, 'a' as text");
        parquet("parts/x=2", "b.parquet", "2L as id, 'b' as text");
        assertThat(rows("parts", "parquet"))
                .extracting(row -> row.<Integer>getAs("x"))
                .containsExactly(1, 2);
        parquet("parts", "c.parquet", "3L as id, 'c' as text");
        run("parts", "out-parts", "parquet")
                .assertRefused(2, "different partition columns", "recursiveFileLookup=true");
        assertThat(run("parts", "out-parts", "parquet", "--input-option", "recursiveFileLookup=true")
                        .out())
                .contains("Tokenized 3 rows");
    }

    @Test
    void anInputWithoutFilesOrBytesSaysSo() throws IOException {
        Files.createDirectories(path("in/empty"));
        run("in", "out", "parquet").assertRefused(2, "in has no files");
        Files.writeString(path("in/_hidden"), "x");
        run("in", "out", "parquet").assertRefused(2, "in has no files but hidden ones", "_hidden");
        Files.writeString(path("in/a.json"), "");
        run("in", "out", "json").assertRefused(2, "--input has no bytes", "a.json is empty");
        run("https://example.org/a.json", "out", "json").assertRefused(2, "an address of the web (https:)");
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
        run("in/a:b.json", "out", "json").assertRefused(2, "a:b.json", "colon in its name");
    }

    @Test
    void anOutputWithinTheInputIsRefusedUnlessReadersPassOverIt() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.json"), "{\"id\": 1, \"text\": \"a\"}\n");
        run("in", "in/deep/out", "json").assertRefused(2, "in/deep/out lies in --input " + path("in"));
        assertThat(run("in", "in/_out", "json").exitCode()).isZero();
    }

    @Test
    void aFileThatIsNamedTwiceIsReadOnceAndThatIsSaid() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.json"), "{\"id\": 1, \"text\": \"a\"}\n");
        Files.writeString(path("in/b.json"), "{\"id\": 2, \"text\": \"b\"}\n");
        CommandRun run = run("in/*.json", "out", "json", "--input", out("in/a.json"), "--input", out("in"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 2 rows");
        assertThat(run.err()).contains("warning: 3 of the --input paths are named twice or lie in another one");
        assertThat(manifest("out").at("/warnings")).hasSize(1);
    }

    @Test
    void columnsThatDifferByCaseAreNamedOrKeptApart() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.json"), "{\"id\": 1, \"text\": \"a\"}\n");
        Files.writeString(path("in/b.json"), "{\"id\": 2, \"Text\": \"b\"}\n");
        String apart = "spark.sql.caseSensitive=true";
        run("in", "out", "json").assertRefused(2, "'Text' and 'text' differ by case only; --conf " + apart);
        assertThat(run("in", "out", "json", "--conf", apart).out()).contains("Tokenized 2 rows");
        try {
            LocalSpark.session().conf().set("spark.sql.caseSensitive", true);
            parquet("twins", "a.parquet", "1L as id, 'a' as text, 'b' as Text");
        } finally {
            LocalSpark.session().conf().unset("spark.sql.caseSensitive");
        }
        run("twins", "out-twins", "parquet").assertRefused(2, "'text' and 'Text' differ by case only; --conf " + apart);
    }

    @Test
    void filesWithOtherColumnsAreSaid() throws IOException {
        parquet("in", "a.parquet", "1L as id, 'a' as text, 1 as first");
        parquet("in", "b.parquet", "2L as id, 'b' as text, 2 as second");
        CommandRun run = run("in", "out", "parquet");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err())
                .contains("warning: column 'first' is in 1 of 2 input files only, such as ")
                .contains("warning: column 'second' is in 1 of 2 input files only, such as ")
                .contains("--input-option mergeSchema=true reads it");
    }

    private void parquet(String directory, String name, String columns) throws IOException {
        Files.createDirectories(path(directory));
        String part = out("part-" + System.nanoTime());
        LocalSpark.session()
                .range(0, 1, 1, 1)
                .selectExpr(columns.split(", "))
                .write()
                .parquet(part);
        try (var files = Files.newDirectoryStream(Path.of(part), "part-*.parquet")) {
            Files.move(files.iterator().next(), path(directory).resolve(name));
        }
    }

    /// Returns the output's rows in the order of the input.
    private List<Row> rows(String input, String format, String... options) {
        String output = "out-" + System.nanoTime();
        CommandRun run = run(input, output, format, options);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return LocalSpark.session().read().parquet(out(output)).coalesce(1).collectAsList();
    }

    private CommandRun run(String input, String output, String format, String... options) {
        List<String> all = new ArrayList<>(List.of("--input-format", format));
        all.addAll(List.of(options));
        String named = input.startsWith("https:") ? input : out(input);
        return CommandRun.of(LocalSpark.command("tokenize", named, out(output), all.toArray(String[]::new)));
    }

    private JsonNode manifest(String output) throws IOException {
        return new ObjectMapper().readTree(path(output + "/_run.json").toFile());
    }

    private Path path(String name) {
        return directory.resolve(name);
    }

    private String out(String name) {
        return directory + "/" + name;
    }
}
