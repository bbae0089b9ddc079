package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// A table of a database as the input, read over JDBC from a database in the memory of this JVM.
class JdbcTableTest {
    private static final String URL = "jdbc:h2:mem:books;DB_CLOSE_DELAY=-1";
    private static final int ROWS = 12;

    @TempDir
    private Path directory = Path.of("");

    @Test
    void aTableOfADatabaseIsCopiedOnceAndItsValuesPass() throws SQLException {
        try (Connection connection = DriverManager.getConnection(URL);
                Statement statement = connection.createStatement()) {
            statement.execute("CREATE SCHEMA library");
            statement.execute(
                    "CREATE TABLE library.books (id INT PRIMARY KEY, text VARCHAR(100), price DECIMAL(10, 2))");
            for (int id = 0; id < ROWS; id++) {
                statement.execute("INSERT INTO library.books VALUES (%d, 'Call me Ishmael.', 1.50)".formatted(id));
            }
            String[] command = tokenize("--input-table", "db.LIBRARY.BOOKS");
            CommandRun run = CommandRun.of(command);
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertBooks();

            statement.execute("DELETE FROM library.books WHERE id > 3");
            CommandRun again = CommandRun.of(command);
            assertThat(again.exitCode()).as(again.err()).isZero();
            assertBooks(); // a run that is done stays done, whatever becomes of the table

            CommandRun.of(tokenize("--input-table", "db.LIBRARY.BOKS"))
                    .assertRefused(2, "--input-table: there is no table or view db.LIBRARY.BOKS", "BOOKS?");
            statement.execute("DROP ALL OBJECTS");
        }
    }

    private void assertBooks() {
        Dataset<Row> books = LocalSpark.session()
                .read()
                .parquet(output())
                .selectExpr("ID", "TEXT", "PRICE", "tokens", "error")
                .orderBy("ID");
        List<Row> rows = books.collectAsList();
        assertThat(rows.stream().map(row -> row.getInt(0)))
                .containsExactlyElementsOf(IntStream.range(0, ROWS).boxed().toList());
        assertThat(rows).allSatisfy(row -> {
            assertThat(row.getString(1)).isEqualTo("Call me Ishmael.");
            assertThat(row.getDecimal(2)).isEqualTo(new BigDecimal("1.50"));
            assertThat(row.getInt(3)).isPositive();
            assertThat(row.isNullAt(4)).isTrue();
        });
    }

    private String[] tokenize(String option, String value) {
        List<String> command = new ArrayList<>(List.of("tokenize", "--model"));
        command.add(LittleModel.directory().toString());
        command.addAll(List.of(option, value, "--text-column", "TEXT", "--checkpoint-rows", "5"));
        command.addAll(List.of("--output", output()));
        command.addAll(List.of(
                "--conf",
                "spark.sql.catalog.db=org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
                "--conf",
                "spark.sql.catalog.db.url=" + URL,
                "--conf",
                "spark.sql.catalog.db.driver=org.h2.Driver"));
        return command.toArray(String[]::new);
    }

    private String output() {
        return directory.resolve("tokens").toString();
    }
}
