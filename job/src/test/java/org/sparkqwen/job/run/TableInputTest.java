package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.connector.catalog.CatalogPlugin;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.input.Split;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.ShelfCatalog;

/// Runs that read tables and queries.
class TableInputTest extends BookTables {
    @Test
    void aTableAViewAndAQueryHaveTheRowsOfTheirFiles() throws IOException {
        ResumableRun.run(spark, settings(InputFormat.of("parquet", path("books")), "files"), work());
        List<String> expected = rows("files");
        assertThat(expected).hasSize(ROWS);
        spark.table("library.books").createOrReplaceTempView("some_books");
        List<InputFormat> inputs = List.of(
                InputFormat.ofTable("spark_catalog.library.books"),
                InputFormat.ofTable("some_books"),
                InputFormat.ofSql("SELECT b.* FROM library.books b JOIN range(20) r ON b.id = r.id ORDER BY b.id; "),
                InputFormat.ofSql("WITH b AS (TABLE library.books) SELECT * FROM b -- all of them"));
        for (int i = 0; i < inputs.size(); i++) {
            String output = "out" + i;
            RunSummary summary = ResumableRun.run(spark, settings(inputs.get(i), output), work());
            assertThat(summary.rows()).isEqualTo(ROWS);
            assertThat(rows(output)).isEqualTo(expected);
            assertThat(commits(output)).hasSize(2);
            assertThat(directory.resolve(output).resolve("_input")).doesNotExist();
        }
    }

    @Test
    void aRunGoesOnWithTheRowsThatItFoundFirst() throws IOException {
        RunSettings run = settings(InputFormat.ofTable("library.books"), "out");
        failFrom(10, run, "fails at");
        assertThat(commits("out")).hasSize(1);
        assertThat(directory.resolve("out/_input")).isNotEmptyDirectory();

        books(ROWS, 2 * ROWS).write().insertInto("library.books");
        assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(directory.resolve("out/_input")).doesNotExist();

        assertThat(ResumableRun.run(spark, run, work()).wasComplete()).isTrue();
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(ResumableRun.run(spark, run.withMode(RunSettings.Mode.OVERWRITE), work())
                        .rows())
                .isEqualTo(2 * ROWS);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 2 * ROWS));
    }

    @Test
    @Tag("slow")
    void columnsThatAQueryNamesAnewPass() {
        spark.sql("CREATE VIEW library.works (work, text) AS SELECT id, text FROM library.books");
        List<InputFormat> inputs = List.of(
                InputFormat.ofSql("SELECT id AS work, text FROM library.books"),
                InputFormat.ofSql("SELECT id AS work, body AS text FROM (SELECT id, text AS body FROM library.books)"),
                InputFormat.ofTable("library.works"),
                InputFormat.ofSql("SELECT id AS work, text, 'x' AS source, id + 1 AS next FROM library.books"));
        for (int i = 0; i < inputs.size(); i++) {
            ResumableRun.run(spark, RunSettings.of(inputs.get(i), path("out" + i)), tokenization());
            Dataset<Row> written = spark.read().parquet(path("out" + i));
            assertThat(sortedIds(written.withColumnRenamed("work", "id"))).containsExactlyElementsOf(ids(0, ROWS));
            assertThat(written.filter("text <> 'Call me Ishmael.' OR text IS NULL OR error IS NOT NULL")
                            .count())
                    .isZero();
        }
        assertThat(spark.read()
                        .parquet(path("out3"))
                        .filter("source = 'x' AND next = work + 1")
                        .count())
                .isEqualTo(ROWS);

        InputFormat values =
                InputFormat.ofSql("SELECT * FROM VALUES (1L, 'Call me'), (2L, 'Ishmael.') AS v (id, text)");
        ResumableRun.run(spark, settings(values, "values"), tokenization());
        assertThat(spark.read()
                        .parquet(path("values"))
                        .select("id", "text")
                        .orderBy("id")
                        .collectAsList())
                .containsExactly(RowFactory.create(1L, "Call me"), RowFactory.create(2L, "Ishmael."));
    }

    @Test
    void aCommentOnAColumnIsNoOtherColumn() throws IOException {
        RunSettings run = settings(InputFormat.ofTable("library.books"), "out");
        failFrom(10, run, "fails at");
        spark.sql("ALTER TABLE library.books CHANGE COLUMN text COMMENT 'what it says'");
        assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
    }

    @Test
    void aTableOfAnotherCatalogIsReadOnce() throws IOException {
        spark.conf().set("spark.sql.catalog.shelf", ShelfCatalog.class.getName());
        spark.sql("CREATE OR REPLACE TEMPORARY VIEW shelved AS SELECT * FROM shelf.library.books WHERE id >= 0");
        List<InputFormat> inputs = List.of(
                InputFormat.ofTable("shelf.library.books"),
                InputFormat.ofSql("SELECT s.id, b.text FROM shelved s JOIN library.books b USING (id)"));
        for (int i = 0; i < inputs.size(); i++) {
            String output = "out" + i;
            RunSettings run = settings(inputs.get(i), output);
            ShelfCatalog.fill(ROWS);
            failFrom(10, run, "fails at");
            assertThat(ShelfCatalog.rowsRead()).isEqualTo(ROWS);

            assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
            assertThat(ids(output)).containsExactlyElementsOf(ids(0, ROWS));
            assertThat(ShelfCatalog.rowsRead()).isEqualTo(ROWS);
            assertThat(ShelfCatalog.columnsRead()).doesNotContain("shelf_mark");
        }
    }

    @Test
    void aCopyThatIsNotWholeIsMadeAgain() throws IOException {
        spark.sql("CREATE OR REPLACE TEMPORARY VIEW some_books AS"
                + " SELECT id, if(id = 13, raise_error('no more'), text) AS text FROM library.books");
        RunSettings run = settings(InputFormat.ofTable("some_books"), "out");
        assertThatThrownBy(() -> ResumableRun.run(spark, run, work()))
                .isInstanceOf(Refusal.class)
                .hasMessageStartingWith("--input-table some_books cannot be copied: ")
                .hasMessageContaining("no more");
        Path left = Files.createDirectories(directory.resolve("out/_input/01234567-89ab-cdef-0123-456789abcdef"));
        Files.writeString(left.resolve("part-00000-left.parquet"), "of a driver that was killed");
        spark.table("library.books").createOrReplaceTempView("some_books");
        assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(directory.resolve("out/_input")).doesNotExist();
    }

    @Test
    void theCommitsAndNotTheMarkOfACompleteOutputSayThatARunIsDone() throws IOException {
        RunSettings run = settings(InputFormat.ofTable("library.books"), "out")
                .withErrors(new ErrorPolicy(ErrorPolicy.OnError.DROP, null));
        failFrom(10, run, "fails at");
        Files.createFile(directory.resolve("out/_SUCCESS")); // as an INSERT does
        assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));

        Files.delete(directory.resolve("out/_SUCCESS"));
        assertThat(ResumableRun.run(spark, run, work()).wasComplete()).isTrue();
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(directory.resolve("out/_SUCCESS")).exists();
    }

    @Test
    void aCopyThatChangedIsNamed() throws IOException {
        RunSettings run = settings(InputFormat.ofTable("library.books"), "out");
        failFrom(10, run, "fails at");
        Path copy = RunFiles.list(directory.resolve("out/_input"), "*").getFirst();
        Path file = RunFiles.list(copy, "*.parquet").getFirst();
        Files.writeString(file, "more", StandardOpenOption.APPEND);
        assertThatThrownBy(() -> ResumableRun.run(spark, run, work()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("of the rows that the run copied from --input-table library.books, has ");
        Files.delete(file);
        assertThatThrownBy(() -> ResumableRun.run(spark, run, work()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("is gone; bring back what it was, or begin anew with --mode overwrite");
    }

    @Test
    void aCopyThatWasMovedWithItsOutputIsRefused() throws IOException {
        RunSettings run = settings(InputFormat.ofTable("library.books"), "out");
        failFrom(10, run, "fails at");
        Files.move(directory.resolve("out"), directory.resolve("moved"));
        refused(
                settings(run.input(), "moved"),
                work(),
                "moved was moved since it was planned; move it back, or begin anew with --mode overwrite");
        Files.move(directory.resolve("moved"), directory.resolve("out"));
        assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
    }

    @Test
    void aDamagedCopyIsNotLeftOut() throws IOException {
        RunSettings run = settings(InputFormat.ofTable("library.books"), "out")
                .withErrors(new ErrorPolicy(ErrorPolicy.OnError.DROP, null));
        failFrom(0, run, "fails at");
        Path copy = RunFiles.list(directory.resolve("out/_input"), "*").getFirst();
        Path file = RunFiles.list(copy, "*.parquet").getFirst();
        Files.delete(copy.resolve("." + file.getFileName() + ".crc"));
        FileTime modified = Files.getLastModifiedTime(file);
        Files.write(file, new byte[(int) Files.size(file)]);
        Files.setLastModifiedTime(file, modified);
        assertThatThrownBy(() -> ResumableRun.run(spark, run, work()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("of the rows that the run copied from --input-table library.books")
                .hasMessageNotContaining("--on-error");
        assertThat(directory.resolve("out/_errors/_files.json")).doesNotExist();
    }

    @Test
    void aQueryDoesNotReadWhatTheRunOverwrites() throws IOException {
        ResumableRun.run(spark, settings(InputFormat.ofTable("library.books"), "out"), work());
        for (String query : List.of(
                "SELECT id, text FROM parquet.`%s`",
                "SELECT id, text FROM library.books WHERE id <= (SELECT max(id) FROM parquet.`%s`)")) {
            refused(
                    settings(InputFormat.ofSql(query.formatted(path("out"))), "out")
                            .withMode(RunSettings.Mode.OVERWRITE),
                    work(),
                    ", which lies in --output; choose another --output");
        }
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
    }

    @Test
    void theOriginOfARowIsItsNumberInTheTable() {
        spark.sql("INSERT INTO library.books VALUES (20, null)");
        RunSettings run = settings(InputFormat.ofSql("SELECT * FROM library.books ORDER BY id"), "out")
                .withErrors(new ErrorPolicy(ErrorPolicy.OnError.DROP, null));
        assertThat(ResumableRun.run(spark, run, tokenization()).errors()).isEqualTo(Map.of("the text is null", 1L));
        assertThat(spark.read().parquet(path("out/_errors")).collectAsList())
                .containsExactly(RowFactory.create(20L, null, "the text is null", "query", 20L));
        assertThat(rows("out")).hasSize(ROWS);
    }

    @Test
    void aSourceThatDoesNotNameItsFilesIsCopied() throws IOException {
        books(0, ROWS).write().orc(path("orc"));
        spark.conf().set("spark.sql.sources.useV1SourceList", "");
        try {
            RunSettings run = settings(InputFormat.of("orc", path("orc")), "out");
            failFrom(10, run, "fails at");
            assertThat(directory.resolve("out/_input")).isNotEmptyDirectory();
            assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
        } finally {
            spark.conf().unset("spark.sql.sources.useV1SourceList");
        }
        assertThat(commits("out")).hasSize(2);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
    }

    @Test
    void aSourceThatAnEarlierVersionTookForOneIntervalStaysOne() throws IOException {
        books(0, ROWS).write().orc(path("orc"));
        spark.conf().set("spark.sql.sources.useV1SourceList", "");
        try {
            RunSettings run = settings(InputFormat.of("orc", path("orc")), "out");
            failFrom(0, run, "fails at");
            // An earlier version had no copy, and this plan.
            org.apache.hadoop.fs.Path output = new org.apache.hadoop.fs.Path(path("out"));
            FileSystem files = output.getFileSystem(new Configuration());
            for (String kept : List.of("_input", "_spark_qwen/snapshots", "_spark_qwen/plans")) {
                assertThat(files.delete(new org.apache.hadoop.fs.Path(output, kept), true))
                        .isTrue();
            }
            new RunState(files, output)
                    .add(new InputPlan(List.of(new InputPlan.PlannedFile(
                            Split.WHOLE_SOURCE.path(), 0, 0, List.of(new InputPlan.PlannedSplit(0, 0, ROWS))))));
            assertThat(ResumableRun.run(spark, run, work()).rows()).isEqualTo(ROWS);
        } finally {
            spark.conf().unset("spark.sql.sources.useV1SourceList");
        }
        assertThat(commits("out")).hasSize(1);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(directory.resolve("out/_input")).doesNotExist();
    }

    @Test
    void aQueryWithoutRowsIsDone() {
        RunSettings run = settings(InputFormat.ofSql("SELECT * FROM library.books WHERE id < 0"), "out");
        assertThat(ResumableRun.run(spark, run, tokenization()).rows()).isZero();
        assertThat(ResumableRun.run(spark, run, tokenization()).wasComplete()).isTrue();
        assertThat(rows("out")).isEmpty();
    }

    @Test
    void whatIsNoTableAndNoQueryIsRefusedAndNotRun() {
        spark.conf().set("spark.sql.catalog.lake", "org.example.LakeCatalog");
        spark.conf().set("spark.sql.catalog.half", HalfCatalog.class.getName());
        refusals("""
            half.library.books | cannot be read: there is no class org.example.HalfTable on the class path
            library.boks | there is no table or view library.boks; did you mean library.books?
            librari.books | there is no table or view librari.books; SHOW TABLES IN a database lists its tables
            a b c | cannot be read: [PARSE_SYNTAX_ERROR]
            """).forEach((table, message) -> refused(settings(InputFormat.ofTable(table), "out"), message));
        refusals("""
            SELECT * FROM library.boks | there is no table or view library.boks; did you mean library.books?
            SELECT txt FROM library.books | --input-sql cannot be read: [UNRESOLVED_COLUMN
            SELECT * FORM library.books | near 'library'. SQLSTATE: 42601 (line 1, pos 14)
            SELECT 1; DROP TABLE library.books | --input-sql cannot be read: [PARSE_SYNTAX_ERROR]
            SELECT 1) UNION (SELECT 2 | --input-sql cannot be read: [PARSE_SYNTAX_ERROR]
            DROP TABLE library.books | --input-sql is not a query that can stand in SELECT * FROM (QUERY); other
            SHOW TABLES IN library | --input-sql is not a query that can stand in SELECT * FROM (QUERY); other
            INSERT INTO library.books VALUES (1, 'a') | --input-sql is not a query that can stand
            FROM library.books INSERT INTO library.books SELECT * | --input-sql is not a query that can stand
            SELECT id, text, upper(text) AS Text FROM library.books | --input-sql has two columns 'Text'; give one
            SELECT id, text, make_interval(1) AS i FROM library.books | cannot hold column 'i', interval; leave
            """).forEach((sql, message) -> refused(settings(InputFormat.ofSql(sql), "out"), message));
        assertThat(spark.table("library.books").count()).isEqualTo(ROWS);
        assertThat(directory.resolve("out")).doesNotExist();
    }

    @Test
    void optionsThatDoNotBelongTogetherAreRefused() {
        refusals("""
            --input x --input-table y --output z | --input, --input-table and --input-sql exclude each other
            --input-sql x --input-table y --output z | --input, --input-table and --input-sql exclude each other
            --input-table x --input-format json --output z | --input-format is for --input; leave it out with --input-table
            --input-sql x --input-option a=b --output z | --input-option is for --input; leave it out with --input-sql
            --output z | Missing required option: '--input=PATH', or '--input-table', or '--input-sql'
            --input-table x | Missing required option: '--output=DIR', or '--output-table'
            """)
                .forEach((options, message) ->
                        CommandRun.of(("tokenize " + options).split(" ")).assertRefused(2, message));
    }

    /// A catalog of which the class path has only some classes.
    public static final class HalfCatalog implements CatalogPlugin {
        @Override
        public void initialize(String name, CaseInsensitiveStringMap options) {
            NoClassDefFoundError missing = new NoClassDefFoundError("org/example/HalfTable");
            missing.initCause(new ClassNotFoundException("org.example.HalfTable"));
            throw missing;
        }

        @Override
        public String name() {
            return "half";
        }
    }

    private List<Path> commits(String output) throws IOException {
        return RunFiles.list(directory.resolve(output).resolve("_spark_qwen/commits"), "*.json");
    }
}
