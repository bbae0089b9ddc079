package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.buckets.Percentiles;
import org.sparkqwen.job.columns.GroupColumn;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;

/// Runs of two stages that are interrupted in each of them, with work that needs no model.
class BucketStageTest {
    private static final int ROWS = 30;

    private static final RunIdentity IDENTITY = new RunIdentity(Map.of("job", "test"));

    private static final Buckets BUCKETS =
            new Buckets(Percentiles.parse("30,60"), Buckets.Figure.BITS_PER_BYTE, new GroupColumn("meta.lang"));

    /// The input, which no test changes: the value of row i is (7 i) mod 30, or null.
    @TempDir
    private static Path input = Path.of("");

    @TempDir
    private Path directory = Path.of("");

    private SparkSession spark = LocalSpark.session();

    @BeforeAll
    static void writeInput() {
        LocalSpark.session()
                .range(0, ROWS, 1, 1)
                .selectExpr(
                        "id",
                        "if(id = 4, null, double(7 * id % 30)) as value",
                        "named_struct('lang', case when id < 20 then 'en' when id < 29 then null else 'x' end) as meta")
                .write()
                .mode("overwrite")
                .parquet(input.toString());
    }

    @BeforeEach
    void takeSession() {
        spark = LocalSpark.session();
    }

    @AfterEach
    void dropTable() {
        LocalSpark.session().sql("DROP TABLE IF EXISTS bucketed");
    }

    @Test
    void aRunGoesOnInTheStageInWhichItWas() throws IOException {
        Scoring scoring = new Scoring();
        scoring.failsFrom.set(15);
        assertThatThrownBy(() -> run(settings(), scoring, BUCKETS))
                .isInstanceOf(Refusal.class)
                .hasMessageContainingAll("rows 15 to 30", "the same command goes on from there");
        assertThat(list("_spark_qwen/commits")).hasSize(1);
        assertThat(RunFiles.list(out(), "part-*")).isEmpty();
        refuseOtherScoredRows();

        scoring.failsFrom.set(Long.MAX_VALUE);
        scoring.keepsScored = directory.resolve("kept");
        JobRun.Written whole = run(settings(), scoring, BUCKETS);
        assertThat(whole.summary().rows()).isEqualTo(ROWS);
        assertThat(whole.intervals()).isEqualTo(2);
        assertThat(whole.restarts()).isEqualTo(1);
        assertComplete();
        assertThat(read().columns()).containsExactly("id", "value", "meta", "bits_per_byte", "error", "bucket");

        // This is the state after a kill in the second interval of the second stage, whose data nobody committed.
        Files.delete(list("_spark_qwen/buckets/commits").getLast());
        Files.delete(out().resolve("_SUCCESS"));
        copy(directory.resolve("kept"), scored());
        Scoring none = new Scoring();
        none.failsFrom.set(0);
        JobRun.Written resumed = run(settings(), none, BUCKETS);
        assertThat(resumed.restarts()).isEqualTo(2);
        assertThat(resumed.summary().wasComplete()).isFalse();
        assertThat(resumed.buckets()).isEqualTo(whole.buckets());
        assertComplete();

        // This is the state after a kill while the scored rows were deleted.
        List<Path> before = RunFiles.list(out(), "part-*");
        copy(directory.resolve("kept"), scored());
        Files.delete(RunFiles.list(scored(), "part-*").getFirst());
        JobRun.Written again = run(settings(), none, BUCKETS);
        assertThat(again.summary().wasComplete()).isTrue();
        assertThat(again.elapsed()).isEqualTo(resumed.elapsed());
        assertThat(RunFiles.list(out(), "part-*")).isEqualTo(before);
        assertComplete();
    }

    /// Asserts that scored rows count only as they were written.
    private void refuseOtherScoredRows() throws IOException {
        Path file = RunFiles.list(scored(), "part-*.parquet").getFirst();
        Path elsewhere = Files.move(file, directory.resolve("elsewhere"));
        assertThatThrownBy(() -> run(settings(), new Scoring(), BUCKETS))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("out/_scored/rows/" + file.getFileName() + ", which interval 0 wrote, is gone");
        Files.move(elsewhere, file);
        Path foreign = Files.writeString(scored().resolve("more.parquet"), "not ours");
        assertThatThrownBy(() -> run(settings(), new Scoring(), BUCKETS))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("out/_scored/rows has a run, and beside its files more.parquet");
        Files.delete(foreign);
    }

    @Test
    void newInputFilesAreRefusedOnceThereAreThresholdsAndOverwritingErasesBothStages() throws IOException {
        Path growing = Files.createDirectory(directory.resolve("in"));
        copy(input, growing);
        RunSettings settings = settings(InputFormat.of("parquet", growing.toString()));
        run(settings, new Scoring(), BUCKETS);
        Path more = Files.copy(RunFiles.list(growing, "*.parquet").getFirst(), growing.resolve("zzz.parquet"));
        assertThatThrownBy(() -> run(settings, new Scoring(), BUCKETS))
                .isInstanceOf(Refusal.class)
                .hasMessageContainingAll("has buckets already, and 1 input file is new, such as", "in/zzz.parquet");
        assertThat(list("_spark_qwen/plans")).hasSize(1);
        assertComplete();

        Files.delete(more);
        Path foreign = Files.writeString(
                Files.createDirectory(out().resolve("_scored")).resolve("notes"), "not ours");
        Buckets ofAll = new Buckets(BUCKETS.percentiles(), BUCKETS.figure(), null);
        JobRun.Written written = run(settings.withMode(RunSettings.Mode.OVERWRITE), new Scoring(), ofAll);
        assertThat(written.summary().wasComplete()).isFalse();
        // 29 rows have the values from 0 to 29 without 28. The ranks are 9 and 18.
        assertThat(rows())
                .containsExactlyElementsOf(LongStream.range(0, ROWS)
                        .mapToObj(id -> id + " " + (id == 4 ? null : bucket(7 * id % 30, 8, 17)))
                        .toList());
        assertThat(list("_spark_qwen/buckets/thresholds")).hasSize(1);
        assertThat(foreign).exists();
    }

    @Test
    @Tag("slow")
    void aTableHasTheRowsWithTheirBuckets() throws IOException {
        RunSettings table = settings(InputFormat.ofSql("SELECT * FROM parquet.`%s` ORDER BY id".formatted(input)))
                .withOutputTable("bucketed");
        run(table, new Scoring(), BUCKETS);
        assertComplete();
        assertThat(out().resolve("_input")).doesNotExist();
        assertThat(spark.table("bucketed").groupBy("bucket").count().count()).isEqualTo(4);
        assertThat(run(table, new Scoring(), BUCKETS).summary().wasComplete()).isTrue();
        assertComplete();

        spark.sql("INSERT INTO bucketed SELECT * FROM bucketed WHERE id = 1");
        assertThatThrownBy(() -> run(table, new Scoring(), BUCKETS))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("has rows that no run of spark-qwen wrote");
    }

    @Test
    void tooManyGroupsAreRefusedBeforeAnyRowIsScored() {
        refusedGroups(
                "SELECT id, double(id) AS value, named_struct('lang', id) AS meta FROM range(5001)",
                "--buckets-by meta.lang: it has more than 5,000 values, and each is a group");
        refusedGroups(
                "SELECT 1D AS value, named_struct('lang', repeat('x', 1001)) AS meta",
                "--buckets-by meta.lang: it has values of more than 1,000 bytes; name a column of groups");
        refusedGroups("SELECT 1D AS value", "--buckets-by: the input has no column 'meta.lang'; it has 'value'");
        refusedGroups(
                "SELECT 1D AS value, named_struct('lang', array(1)) AS meta",
                "--buckets-by: column 'meta.lang' is array<int>; take one of strings, numbers, booleans or dates");
        refusedGroups(
                "SELECT 1D AS value, named_struct('lang', 1) AS meta, 2 AS bucket",
                "the input's column 'bucket' would collide with the output's");
    }

    private void refusedGroups(String query, String message) {
        Scoring scoring = new Scoring();
        scoring.failsFrom.set(0);
        RunSettings settings = settings(InputFormat.ofSql(query)).withMode(RunSettings.Mode.OVERWRITE);
        assertThatThrownBy(() -> run(settings, scoring, BUCKETS))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining(message);
    }

    @Test
    void anEmptyInputHasAnOutputWithAllColumns() {
        run(
                settings(InputFormat.ofSql("SELECT 1D AS value LIMIT 0")),
                new Scoring(),
                new Buckets(BUCKETS.percentiles(), BUCKETS.figure(), null));
        assertThat(read().columns()).containsExactly("value", "bits_per_byte", "error", "bucket");
    }

    /// Asserts that the output has each row once, in order, with its bucket, and nothing else is left.
    private void assertComplete() throws IOException {
        List<String> expected = new ArrayList<>();
        for (int id = 0; id < ROWS; id++) {
            int value = 7 * id % 30;
            // `en` has the 19 values of its rows, null has 9, and x has one.
            String bucket = id == 4
                    ? null
                    : id < 20 ? bucket(value, 7, 15) : id < 29 ? bucket(value, 9, 18) : bucket(value, 23, 23);
            expected.add(id + " " + bucket);
        }
        assertThat(rows()).isEqualTo(expected);
        assertThat(out().resolve("_SUCCESS")).exists();
        assertThat(out().resolve("_scored")).doesNotExist();
    }

    private static String bucket(long value, long headUpTo, long middleUpTo) {
        return value <= headUpTo ? "head" : value <= middleUpTo ? "middle" : "tail";
    }

    /// Returns the id and the bucket of each row, in the order of the intervals.
    private List<String> rows() throws IOException {
        List<String> files = new ArrayList<>();
        for (Path commit : list("_spark_qwen/buckets/commits")) {
            for (JsonNode file : new ObjectMapper().readTree(commit.toFile()).at("/files")) {
                files.add(file.textValue());
            }
        }
        return files.stream()
                .flatMap(file -> spark
                        .read()
                        .parquet(out() + "/" + file)
                        .selectExpr("concat(id, ' ', ifnull(bucket, 'null'))")
                        .collectAsList()
                        .stream())
                .map(row -> row.getString(0))
                .toList();
    }

    private List<Path> list(String name) throws IOException {
        return RunFiles.list(out().resolve(name), "0*.json");
    }

    private RunSettings settings() {
        return settings(InputFormat.of("parquet", input.toString()));
    }

    private RunSettings settings(InputFormat from) {
        return RunSettings.of(from, out().toString()).withCheckpointRows(15);
    }

    private Path out() {
        return directory.resolve("out");
    }

    private Path scored() {
        return out().resolve("_scored/rows");
    }

    private Dataset<Row> read() {
        return spark.read().parquet(out().toString());
    }

    private JobRun.Written run(RunSettings settings, Scoring scoring, Buckets buckets) {
        try (JobRun run = JobRun.in(spark, "test", settings)) {
            return run.run(IDENTITY, buckets.grouping(scoring), buckets);
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    /// Work that takes a row's value for its figure.
    private final class Scoring implements Work {
        /// The first id at which it fails.
        private final AtomicLong failsFrom = new AtomicLong(Long.MAX_VALUE);

        /// The directory in which it keeps a copy of the scored rows when all are scored; null for none.
        private @Nullable Path keepsScored;

        @Override
        public String name() {
            return "test";
        }

        @Override
        public Map<String, String> identity() {
            return Map.of("job", name());
        }

        @Override
        public StructType addedColumns() {
            return new StructType().add("bits_per_byte", DataTypes.DoubleType).add("error", DataTypes.StringType);
        }

        @Override
        public Column estimatedTokens(StructType columns) {
            return functions.lit(1);
        }

        @Override
        public Dataset<Row> apply(Dataset<Row> rows, TaskCounts counts) {
            long fails = failsFrom.get();
            String figure = fails == Long.MAX_VALUE
                    ? "value"
                    : "if(%s >= %d, raise_error('No space left on device'), value)"
                            .formatted(List.of(rows.columns()).contains("id") ? "id" : "1", fails);
            return rows.selectExpr(
                    "*", "cast(%s as double) as bits_per_byte".formatted(figure), "cast(null as string) as error");
        }

        /// It is called when all rows are scored, and at the end.
        @Override
        public void release() {
            if (keepsScored != null && !Files.exists(keepsScored)) {
                try {
                    copy(scored(), keepsScored);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }
}
