package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.LocalWork;
import org.sparkqwen.job.testing.ShelfCatalog;

/// Runs that write tables.
class OutputTableTest extends BookTables {
    @Test
    void aTableIsCreatedAndAppendedToByItsOwnRun() {
        books(0, ROWS).write().parquet(path("files"));
        RunSettings run = RunSettings.ofTable(InputFormat.of("parquet", path("files")), "library.tokens")
                .withCheckpointRows(10);
        ResumableRun.run(spark, run, tokenization());
        assertThat(tableIds("library.tokens")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(directory.resolve("library/tokens/_SUCCESS")).exists();
        assertThat(spark.table("library.tokens").columns())
                .containsExactly("id", "text", "token_ids", "tokens", "error");

        assertThat(ResumableRun.run(spark, run, tokenization()).wasComplete()).isTrue();
        books(ROWS, ROWS + 5).write().mode("append").parquet(path("files"));
        assertThat(ResumableRun.run(spark, run, tokenization()).rows()).isEqualTo(ROWS + 5);
        assertThat(tableIds("library.tokens")).containsExactlyElementsOf(ids(0, ROWS + 5));

        // A catalog in memory has lost the table when the next session comes.
        spark.sql("DROP TABLE library.tokens");
        assertThat(ResumableRun.run(spark, run, tokenization()).wasComplete()).isTrue();
        assertThat(tableIds("library.tokens")).containsExactlyElementsOf(ids(0, ROWS + 5));
    }

    @Test
    void aTableIsInTheCatalogThatItsNameMeans() {
        spark.conf().set("spark.sql.catalog.shelf", ShelfCatalog.class.getName());
        InputFormat books = InputFormat.ofTable("spark_catalog.library.books");
        spark.catalog().setCurrentCatalog("shelf");
        try {
            for (String name : List.of("tokens", "library.tokens")) {
                assertThatThrownBy(() -> ResumableRun.run(spark, RunSettings.ofTable(books, name), work()))
                        .isInstanceOf(Refusal.class)
                        .hasMessageContaining("--output-table %s is in the catalog shelf; ".formatted(name));
            }
            ResumableRun.run(spark, RunSettings.ofTable(books, "spark_catalog.library.tokens"), work());
            assertThat(tableIds("spark_catalog.library.tokens")).containsExactlyElementsOf(ids(0, ROWS));
        } finally {
            spark.catalog().setCurrentCatalog("spark_catalog");
        }
    }

    @Test
    void aTableThatIsDroppedDuringTheRunIsThereInTheEnd() {
        RunSettings run = RunSettings.ofTable(InputFormat.ofTable("library.books"), "library.tokens")
                .withCheckpointRows(10);
        LocalWork drops = new LocalWork((rows, counts) -> {
            spark.sql("DROP TABLE IF EXISTS library.tokens");
            return passed(rows, counts);
        });
        ResumableRun.run(spark, run, drops);
        assertThat(tableIds("library.tokens")).containsExactlyElementsOf(ids(0, ROWS));
    }

    @Test
    void aTableMayLieInAnOutputOfItsOwn() {
        Path output = Path.of("").toAbsolutePath().relativize(directory.resolve("a place's own 100%"));
        RunSettings run = RunSettings.of(InputFormat.ofTable("library.books"), output.toString())
                .withCheckpointRows(10)
                .withOutputTable("library.tokens");
        failFrom(10, run, "fails at");
        assertThat(tableIds("library.tokens")).containsExactlyElementsOf(ids(0, 10));
        ResumableRun.run(spark, run, work());
        assertThat(tableIds("library.tokens")).containsExactlyElementsOf(ids(0, ROWS));
        assertThatThrownBy(() -> ResumableRun.run(
                        spark, settings(run.input(), "other").withOutputTable("library.tokens"), work()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("100%, not in --output ");
    }

    @Test
    void aTableThatARunCannotWriteIsRefused() {
        spark.sql("CREATE VIEW library.a_view AS SELECT 1 AS id");
        String columns = " (id BIGINT, text STRING, error STRING) USING ";
        spark.sql("CREATE TABLE library.divided" + columns + "parquet PARTITIONED BY (error)");
        spark.sql("CREATE TABLE library.of_csv" + columns + "csv");
        spark.sql("CREATE TABLE library.of_orc" + columns + "orc");
        spark.sql("CREATE TABLE library.other (id BIGINT) USING parquet");
        spark.sql("CREATE TABLE library.filled" + columns + "parquet");
        spark.sql("INSERT INTO library.filled VALUES (1, 'a', null)");
        refusals("""
            pg.library.scores | is in the catalog pg; a run writes exactly once to tables of files in Spark's own
            librari.scores | is in a database that does not exist
            a b | is not a table's name
            library.a_view | is a view
            library.divided | has partitions or buckets
            library.of_csv | is of csv, to which a run cannot write exactly once
            library.of_orc | has files of orc; give --output-format orc
            library.other | has the columns id bigint, and the output id bigint, text string
            library.filled | has rows that no run of spark-qwen wrote
            library.books | reads file:/
            """)
                .forEach((table, message) -> assertThatThrownBy(() -> ResumableRun.run(
                                spark, RunSettings.ofTable(InputFormat.ofTable("library.books"), table), work()))
                        .isInstanceOf(Refusal.class)
                        .hasMessageContaining(message));
    }

    @Test
    void aTableOfAnotherRunIsRefused() {
        ResumableRun.run(spark, scoresAsJson(InputFormat.ofTable("library.books")), work());
        RunSettings other = scoresAsJson(InputFormat.ofSql("SELECT * FROM library.books"));
        assertThatThrownBy(() -> ResumableRun.run(spark, other, work()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("library/scores")
                .hasMessageContaining("input-sql")
                .hasMessageNotContaining("\n");
        assertThat(tableIds("library.scores")).containsExactlyElementsOf(ids(0, ROWS));

        // This is how a table is filled that a run cannot write.
        spark.sql("CREATE TABLE library.lake (id BIGINT, text STRING, error STRING) USING csv PARTITIONED BY (error)");
        spark.sql("INSERT INTO library.lake SELECT * FROM library.scores");
        assertThat(tableIds("library.lake")).containsExactlyElementsOf(ids(0, ROWS));
    }

    @Test
    void aTableOfJsonIsReadAsItIsWritten() {
        InputFormat input =
                InputFormat.ofSql("SELECT id, text, timestamp'2001-02-03 04:05:06' AS at FROM library.books");
        Map<String, String> options = Map.of("TimestampFormat", "dd/MM/yyyy HH-mm-ss", "lineSep", ";");
        RunSettings run = RunSettings.ofTable(input, "library.dated").withOutputFormat("json", options);
        ResumableRun.run(spark, run, tokenization());
        assertThat(tableIds("library.dated")).containsExactlyElementsOf(ids(0, ROWS));
        assertThat(spark.table("library.dated")
                        .filter("at = timestamp'2001-02-03 04:05:06'")
                        .count())
                .isEqualTo(ROWS);
        assertThat(ResumableRun.run(spark, run, tokenization()).wasComplete()).isTrue();

        refused(
                run.withOutputFormat("json", Map.of("lineSep", ";")),
                "--output-table library.dated is read with the options {lineSep=;, timestampFormat=dd/MM/yyyy"
                        + " HH-mm-ss}, and --output-option gives {lineSep=;}; choose another table");
    }

    @Test
    void anEmptyTableOfTheSameColumnsIsFilledAndNobodyElsesRowsAreDeleted() {
        spark.sql("CREATE TABLE library.empty (id BIGINT, text STRING, error STRING) USING parquet");
        RunSettings run = RunSettings.ofTable(InputFormat.ofTable("library.books"), "library.empty");
        ResumableRun.run(spark, run, work());
        assertThat(tableIds("library.empty")).containsExactlyElementsOf(ids(0, ROWS));
        spark.sql("INSERT INTO library.empty VALUES (20, 'Call me Ahab.', null)");
        for (RunSettings.Mode mode : List.of(RunSettings.Mode.RESUME, RunSettings.Mode.OVERWRITE)) {
            assertThatThrownBy(() -> ResumableRun.run(spark, run.withMode(mode), work()))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContaining("has rows that no run of spark-qwen wrote");
        }
        assertThat(tableIds("library.empty")).containsExactlyElementsOf(ids(0, ROWS + 1));
    }

    @Test
    void theCommandLineReadsAQueryAndWritesATable() {
        CommandRun run = CommandRun.of(
                "tokenize",
                "--model",
                LocalSpark.MODEL.toString(),
                "--input-sql",
                "SELECT id, text FROM parquet.`%s` WHERE id < 7".formatted(path("books")),
                "--output-table",
                "tokens_of_a_query",
                "--output",
                path("out"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("Tokenized 7 rows")
                .contains("table tokens_of_a_query in " + path("out") + " (parquet)");
        assertThat(run.err())
                .contains("Copying the rows of --input-sql to %s/_input/".formatted(path("out")))
                .doesNotContain("ends with this session");
        assertThat(spark.table("tokens_of_a_query").count()).isEqualTo(7);
        assertThat(ids("out")).containsExactlyElementsOf(ids(0, 7));
    }

    private static RunSettings scoresAsJson(InputFormat input) {
        return RunSettings.ofTable(input, "library.scores").withOutputFormat("json", Map.of());
    }

    private List<Long> tableIds(String table) {
        return sortedIds(spark.table(table));
    }
}
