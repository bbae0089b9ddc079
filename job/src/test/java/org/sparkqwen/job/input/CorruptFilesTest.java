package org.sparkqwen.job.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// Damaged input files are named, before work begins where that is possible.
class CorruptFilesTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void filesThatCannotBeReadAreNamedBeforeWorkBeginsOrLeftOutUntilTheyAreRepaired() throws IOException {
        file("parquet", "a.parquet", 0);
        Files.writeString(path("in/b.parquet"), "this is no Parquet file at all");
        byte[] whole = Files.readAllBytes(file("parquet", "c.parquet", 50));
        truncate(path("in/c.parquet"));
        Files.write(path("in/d.parquet"), new byte[0]);
        write("parquet", "e.parquet", 50, "id", "cast(id as double) as text");
        write("parquet", "f.parquet", 1000, "id"); // rows without a text have errors
        truncate(file("parquet", "g.parquet", 50));
        tokenize("parquet")
                .assertRefused(
                        1,
                        "5 input files cannot be read: " + path("in/b.parquet") + " (",
                        path("in/c.parquet") + " (",
                        path("in/d.parquet") + " (",
                        ", and 2 more; remove or replace what cannot be read, or leave it out with --on-error drop");
        assertThat(path("out/_spark_qwen/plans")).doesNotExist();
        assertThat(path("out/_spark_qwen/commits")).doesNotExist();

        CommandRun run = tokenize("parquet", "--on-error", "drop");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("Tokenized 50 rows")
                .contains("left out    5 input files cannot be read: " + path("in/b.parquet") + " (")
                .contains("50 × the text is null, such as " + path("in/f.parquet") + " row 0");
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 50));
        assertThat(json("out/_errors/_files.json"))
                .satisfiesExactly(
                        file -> assertLeftOut(file, "in/b.parquet", ""),
                        file -> assertLeftOut(file, "in/c.parquet", ""),
                        file -> assertLeftOut(file, "in/d.parquet", ""),
                        file -> assertLeftOut(file, "in/e.parquet", "text"),
                        file -> assertLeftOut(file, "in/g.parquet", ""));
        assertLeftOut(json("out/_run.json").at("/summary/left_out_files/0"), "in/b.parquet", "");

        Files.write(path("in/c.parquet"), whole);
        for (String name : List.of("b", "d", "e", "g")) {
            Files.delete(path("in/" + name + ".parquet"));
        }
        run = tokenize("parquet", "--on-error", "drop");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).doesNotContain("left out");
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 100));
        assertThat(path("out/_errors/_files.json")).doesNotExist();
    }

    private static void assertLeftOut(JsonNode file, String path, String reason) {
        assertThat(file.at("/file").textValue()).endsWith(path);
        assertThat(file.at("/reason").textValue()).isNotBlank().contains(reason);
    }

    @ParameterizedTest
    @ValueSource(strings = {"parquet", "orc"})
    void aFirstFileWithoutASchemaIsNamed(String format) throws IOException {
        Files.createDirectories(path("in"));
        String first = Files.writeString(path("in/a." + format), "garbage instead of " + format)
                .toString();
        InputFormat input = InputFormat.of(format, out("in"));
        assertThatThrownBy(() -> found(input))
                .isInstanceOf(Refusal.class)
                .hasMessageContainingAll("1 input file cannot be read: " + first, "Is --input-format");
        file(format, "b." + format, 0);
        file(format, "c." + format, 50);
        if (format.equals("parquet")) { // whose columns are those of the first file
            assertThatThrownBy(() -> found(input))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContaining("1 input file cannot be read: " + first);
        }
        InputScan.Counted found = found(input.withLeavingOutUnreadable(true));
        assertThat(found.unreadable().toString()).startsWith("1 input file cannot be read: " + first);
        assertThat(found.rows().values()).containsExactly(50L, 50L);
    }

    @Test
    @Tag("slow")
    void halfAGzipFileIsNamedWhateverItsFormat() throws IOException {
        Map<String, String> header = Map.of("header", "true");
        for (String format : List.of("json", "csv", "text")) {
            String name = "in-%s/b.%s.gz".formatted(format, format);
            Files.createDirectories(path("in-" + format));
            gzip("in-%s/a.%s.gz".formatted(format, format), format, 0);
            truncate(gzip(name, format, 50));
            Map<String, String> options = InputFormat.withDefaults(format, header);
            assertThat(found(new InputFormat(List.of(out("in-" + format)), format, options, true))
                            .unreadable()
                            .toString())
                    .startsWith("1 input file cannot be read: " + path(name))
                    .contains("nexpected end");
        }
        run("in-text", "out-text", "text", List.of("--text-column", "value"))
                .assertRefused(1, "1 input file cannot be read: " + path("in-text/b.text.gz"), "nexpected end");
        run("in-json", "out-json", "json", List.of())
                .assertRefused(1, "1 input file cannot be read: " + path("in-json/b.json.gz"), "nexpected end");
        CommandRun run = run("in-json", "out-json", "json", List.of("--on-error", "drop"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("left out    1 input file");
    }

    @Test
    void damageBehindAWholeFooterIsNamedWhenItIsRead() throws IOException {
        file("parquet", "a.parquet", 0);
        Path damaged = file("parquet", "b.parquet", 50);
        byte[] bytes = Files.readAllBytes(damaged);
        Arrays.fill(bytes, 4, bytes.length / 2, (byte) 0x55);
        Files.write(damaged, bytes);
        tokenize("parquet", "--checkpoint-rows", "50")
                .assertRefused(1, "rows 50 to 100: " + damaged + " cannot be read: ", "What was done before is kept");
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 50));

        file("parquet", "c.parquet", 100);
        Files.delete(damaged);
        tokenize("parquet", "--checkpoint-rows", "50").assertRefused(1, "in/b.parquet is gone", "--on-error drop");
        for (int start = 0; start < 2; start++) {
            CommandRun run = tokenize("parquet", "--checkpoint-rows", "50", "--on-error", "drop");
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.out())
                    .contains("Tokenized 100 rows")
                    .contains("left out    1 input file cannot be read: " + damaged + " (it was removed before");
            List<Long> expected = new ArrayList<>(ids(0, 50));
            expected.addAll(ids(100, 150));
            assertThat(ids("out")).isEqualTo(expected);
        }
    }

    @Test
    void malformedLinesBecomeRowsWithErrors() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.json"), """
            {"id": 0, "text": "whole"}
            {"id": 1, "text": "cut
            no JSON
            {"id": 3, "text": "whole, too"}
            """);
        CommandRun run = tokenize("json", "--on-error", "drop");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(ids("out")).containsExactly(0L, 3L);
        List<Row> dropped = LocalSpark.session()
                .read()
                .parquet(out("out/_errors"))
                .sort("origin_row")
                .collectAsList();
        assertThat(dropped).hasSize(2);
        assertThat(dropped.get(1).<String>getAs("_corrupt_record")).isEqualTo("no JSON");
        assertThat(dropped.get(1).<Long>getAs("origin_row")).isEqualTo(2);

        assertThat(found(ofMode("FAILFAST")).unreadable().toString())
                .startsWith("1 input file cannot be read: " + path("in/a.json"));
        assertThat(reader(ofMode("DROPMALFORMED")).open().all().select("id").collectAsList())
                .containsExactly(RowFactory.create(0L), RowFactory.create(3L));
    }

    private InputFormat ofMode(String mode) {
        Map<String, String> options = InputFormat.withDefaults("json", Map.of("mode", mode));
        return new InputFormat(List.of(out("in")), "json", options, false);
    }

    @Test
    void inputOfWhichNothingCanBeReadIsRefusedWhateverBecomesOfErrors() throws IOException {
        truncate(file("parquet", "a.parquet", 0));
        truncate(file("parquet", "b.parquet", 50));
        assertThatThrownBy(() -> found(InputFormat.of("parquet", out("in")).withLeavingOutUnreadable(true)))
                .isInstanceOf(Refusal.class)
                .hasMessageContainingAll("2 input files cannot be read", "Is --input-format parquet right?");
    }

    @Test
    void linesOfCsvThatAreDroppedByTheReaderAreNoChangeOfTheFile() throws IOException {
        Files.createDirectories(path("in"));
        Files.writeString(path("in/a.csv"), """
            id,text
            0,whole
            1,too,many,of them
            2
            3,whole
            """);
        List<String> header = List.of("--input-option", "header=true", "--input-option", "inferSchema=true");
        List<String> dropping = new ArrayList<>(header);
        dropping.addAll(List.of("--input-option", "mode=DROPMALFORMED"));
        CommandRun run = run("in", "dropping", "csv", dropping);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("Tokenized 2 rows");
        assertThat(run("in", "out", "csv", header).out())
                .contains(
                        "Tokenized 4 rows",
                        "1 × the record has 4 fields, not 2, such as " + path("in/a.csv") + " row 1",
                        "1 × the record has 1 field, not 2, such as " + path("in/a.csv") + " row 2");
    }

    private InputReader reader(InputFormat input) {
        return new InputReader(LocalSpark.session(), input, out("out"), new Warnings(System.err));
    }

    /// Returns what a run finds in the input before it begins.
    private InputScan.Counted found(InputFormat input) {
        InputReader reader = reader(input);
        InputScan scan = new InputScan(reader.open().all(), reader.unreadable(), reader.areAlike());
        return scan.count(List.copyOf(scan.splits()), input);
    }

    /// Writes a file of fifty rows, from `first` on.
    private Path file(String format, String name, int first) throws IOException {
        return write(format, name, first, "id", "concat('text ', sha(string(id))) as text");
    }

    private Path write(String format, String name, int first, String... columns) throws IOException {
        Files.createDirectories(path("in"));
        LocalSpark.session()
                .range(first, first + 50, 1, 1)
                .selectExpr(columns)
                .write()
                .format(format)
                .save(out("part-" + name));
        try (var files = Files.newDirectoryStream(path("part-" + name), "part-*." + format)) {
            return Files.move(files.iterator().next(), path("in/" + name));
        }
    }

    private Path gzip(String name, String format, int first) throws IOException {
        List<String> lines = new ArrayList<>(format.equals("csv") ? List.of("id,text") : List.of());
        IntStream.range(first, first + 50)
                .mapToObj(id -> switch (format) {
                    case "json" -> "{\"id\": %d, \"text\": \"text %x\"}".formatted(id, id * 0x9E3779B97F4A7C15L);
                    case "csv" -> "%d,text %x".formatted(id, id * 0x9E3779B97F4A7C15L);
                    default -> "text %x".formatted(id * 0x9E3779B97F4A7C15L);
                })
                .forEach(lines::add);
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(path(name)))) {
            out.write((String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return path(name);
    }

    private static void truncate(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    }

    private CommandRun tokenize(String format, String... options) {
        return run("in", "out", format, List.of(options));
    }

    private CommandRun run(String input, String output, String format, List<String> options) {
        List<String> all = new ArrayList<>(List.of("--input-format", format));
        all.addAll(options);
        return CommandRun.of(LocalSpark.command("tokenize", out(input), out(output), all.toArray(String[]::new)));
    }

    private List<Long> ids(String output) {
        return LocalSpark.session().read().parquet(out(output)).select("id").collectAsList().stream()
                .map(row -> row.getLong(0))
                .sorted()
                .toList();
    }

    private static List<Long> ids(int from, int to) {
        return IntStream.range(from, to).mapToObj(Long::valueOf).toList();
    }

    private JsonNode json(String name) throws IOException {
        return new ObjectMapper().readTree(path(name).toFile());
    }

    private Path path(String name) {
        return directory.resolve(name);
    }

    private String out(String name) {
        return path(name).toString();
    }
}
