package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.Page;
import org.sparkqwen.job.testing.Shell;

/// The guides work as they are written.
///
/// The blocks of a page follow each other in one directory and one session, so SQL reads what commands have written,
/// and the other way round. Their output has the lines and the tables that the page shows.
class DocumentedGuidesTest {
    private static final String IN_EVERY_BUILD = "judge-quality.md";
    private static final int MOST_ROWS = 100;

    @TempDir
    private Path directory = Path.of("");

    /// The guide whose blocks run in every build. It has both languages, and the SQL reads what the command wrote.
    @Test
    void theBlocksOfOneGuideRunOneAfterTheOther() throws IOException, InterruptedException {
        Page guide = Page.guides().stream()
                .filter(page -> page.toString().endsWith(IN_EVERY_BUILD))
                .findFirst()
                .orElseThrow();
        assertThat(guide.blocks()).extracting(Page.Block::language).contains("sh", "sql", "text");
        runBlocks(guide);
    }

    @ParameterizedTest
    @MethodSource("guides")
    @Tag("slow")
    void theBlocksOfAGuideRunOneAfterTheOther(Page guide) throws IOException, InterruptedException {
        runBlocks(guide);
    }

    private void runBlocks(Page guide) throws IOException, InterruptedException {
        SparkSession session = LocalSpark.session().newSession();
        for (Page.Block block : guide.blocks()) {
            String code = Page.onThisMachine(block.text(), directory);
            String results = switch (block.language()) {
                case "sh" -> printed(block, code);
                case "sql" -> tables(session, code);
                default -> "";
            };
            if (!block.language().equals("text")) {
                assertThat(block.shown())
                        .as("%s: %s", block, results)
                        .allSatisfy(line -> assertThat(results).contains(line));
            }
        }
    }

    static Stream<Page> guides() throws IOException {
        return Page.guides().stream();
    }

    private String printed(Page.Block block, String code) throws IOException, InterruptedException {
        CommandRun run = Shell.run(directory, code);
        assertThat(run.exitCode()).as("%s: %s", block, run.out()).isZero();
        return run.out();
    }

    /// Runs statements, and returns the tables that `show` prints of the results.
    private static String tables(SparkSession session, String code) {
        StringBuilder tables = new StringBuilder();
        for (String statement : code.split(";\\s*(\n|$)", -1)) {
            Dataset<Row> result = statement.isBlank() ? session.emptyDataFrame() : session.sql(statement);
            if (result.columns().length > 0) {
                assertThat(result.isEmpty()).as(statement).isFalse();
                tables.append(((org.apache.spark.sql.classic.Dataset<Row>) result).showString(MOST_ROWS, 0, false));
            }
        }
        return tables.toString();
    }
}
