package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.SparkTypes;

/// A passed value comes out unchanged, or is refused before the run, or a warning says how it changes.
class OutputFormatTest {
    /// Values of every type that Parquet holds.
    @TempDir
    private static Path values;

    @TempDir
    private Path directory;

    @BeforeAll
    static void writeValues() {
        List<SparkTypes> types = new ArrayList<>(EnumSet.complementOf(EnumSet.copyOf(notKept("parquet"))));
        SparkTypes.rows(types).coalesce(1).write().mode("overwrite").parquet(values.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"parquet", "orc", "json"})
    void everyTypeThatAFormatHoldsComesBackAsItWas(String format) {
        String[] others = notKept(format).stream()
                .flatMap(type -> Stream.of("", "_array", "_struct", "_map", "_deep")
                        .map(end -> type.name().toLowerCase(Locale.ROOT) + end))
                .toArray(String[]::new);
        Dataset<Row> before =
                LocalSpark.session().read().parquet(values.toString()).drop(others);

        CommandRun run = tokenize(values, format, "--columns", String.join(",", before.columns()));

        assertThat(run.exitCode()).as(run.err()).isZero();
        Dataset<Row> after = LocalSpark.session()
                .read()
                .format(format)
                .schema(before.schema())
                .load(directory.resolve("output").toString());
        assertThat(SparkTypes.changed(before, after)).isEmpty();
    }

    /// Returns types with values that do not come back. The tests below check what becomes of them.
    private static Set<SparkTypes> notKept(String format) {
        return switch (format) {
            case "parquet" -> EnumSet.of(SparkTypes.INTERVAL);
            case "orc" ->
                EnumSet.of(
                        SparkTypes.INTERVAL,
                        SparkTypes.VARIANT,
                        SparkTypes.ODD_VARIANT,
                        SparkTypes.VOID,
                        SparkTypes.COLLATED_STRING,
                        SparkTypes.DATE_OF_THE_CHANGE,
                        SparkTypes.EARLY_TIMESTAMP);
            default ->
                EnumSet.of(
                        SparkTypes.INTERVAL, SparkTypes.MALFORMED_STRING, SparkTypes.VARIANT, SparkTypes.ODD_VARIANT);
        };
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "orc | parse_json('1') | variant | parquet or json",
                "orc | array(parse_json('1')) | array<variant> | parquet or json",
                "orc | null | void | parquet or json",
                "orc | named_struct('a', 'x' collate UNICODE_CI) | struct<a:string collate UNICODE_CI> | parquet or"
                        + " json",
                "json | map(1, 2) | map<int,int> | parquet or orc",
                "json | array(map(date'2000-01-01', 2)) | array<map<date,int>> | parquet or orc"
            })
    void whatAFormatDoesNotHoldIsRefused(String format, String value, String type, String others) {
        OutputFormat output = new OutputFormat(LocalSpark.session(), format);
        Dataset<Row> rows = rows(value);

        assertThatThrownBy(() -> output.refuseWhatItCannotHold(rows.schema()))
                .isInstanceOfSatisfying(
                        Refusal.class, refusal -> assertThat(refusal.exitCode()).isEqualTo(2))
                .hasMessage("--output-format %s cannot hold column 'v', %s; leave it out with --columns, or choose %s"
                        .formatted(format, type, others));
        assertThatNoException()
                .isThrownBy(() -> output.refuseWhatItCannotHold(rows.drop("v").schema()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "orc | map('z', 1, 'a', 2) | sorts the entries of maps",
                "orc | array(date'1582-10-10') | moves dates from 5 to 14 October 1582",
                "json | parse_json('2.50') | writes variants as plain JSON"
            })
    void whatAFormatDoesToSomeValuesIsSaid(String format, String value, String what) {
        assertThat(new OutputFormat(LocalSpark.session(), format)
                        .cautions(rows(value).schema()))
                .singleElement()
                .asString()
                .startsWith("--output-format %s %s".formatted(format, what));
    }

    @Test
    void aRunIsRefusedForColumnsThatItDoesNotLeaveOutAndWarnsOfOthers() throws IOException {
        Path input = directory.resolve("input");
        rows("parse_json('1')")
                .withColumn("m", expr("map('z', 1, 'a', 2)"))
                .write()
                .parquet(input.toString());

        tokenize(input, "orc").assertRefused(2, "--output-format orc cannot hold column 'v', variant; leave it out");

        assertThat(directory.resolve("output")).doesNotExist();
        CommandRun run = tokenize(input, "orc", "--columns", "fine,m");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).containsOnlyOnce("warning: --output-format orc sorts the entries of maps");
        assertThat(Files.readString(directory.resolve("output/_run.json")))
                .contains("--output-format orc sorts the entries of maps");
        try (var files = Files.newDirectoryStream(directory.resolve("output"), "part-*.orc")) {
            assertThat(files).isNotEmpty();
        }
    }

    /// Returns a row with a text, a column that every format holds, and `value` as column `v`.
    private static Dataset<Row> rows(String value) {
        return LocalSpark.session()
                .range(1)
                .select(
                        expr("'Some text.' as text"),
                        expr("1 as fine"),
                        expr(value).as("v"));
    }

    private CommandRun tokenize(Path input, String format, String... options) {
        List<String> all = new ArrayList<>(List.of("--output-format", format));
        all.addAll(List.of(options));
        return CommandRun.of(
                LocalSpark.command("tokenize", input, directory.resolve("output"), all.toArray(String[]::new)));
    }
}
