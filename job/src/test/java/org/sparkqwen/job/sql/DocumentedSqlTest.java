package org.sparkqwen.job.sql;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.LocalSpark;

/// The SQL in the pages works as it is written there. The statements of a page follow each other in one session.
class DocumentedSqlTest {
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```sql\n(.*?)^```$");

    @Test
    void everyStatementRunsWithoutAnError() throws IOException {
        List<String> run = new ArrayList<>();
        for (Path page : pages()) {
            SparkSession session = LocalSpark.session().newSession();
            for (String statement : statements(Files.readString(page))) {
                List<Row> rows = session.sql(statement).collectAsList();
                assertThat(rows.isEmpty()).as(statement).isEqualTo(!isQuery(statement));
                run.add(statement);
            }
        }
        assertThat(run).hasSizeGreaterThan(15);
    }

    private static boolean isQuery(String statement) {
        return Stream.of("SELECT", "SET", "EXPLAIN").anyMatch(statement::startsWith);
    }

    private static List<String> statements(String page) {
        List<String> statements = new ArrayList<>();
        Matcher block = BLOCK.matcher(page);
        while (block.find()) {
            String code = block.group(1).replace("data-samples/", LocalSpark.SAMPLES + "/");
            Stream.of(code.split(";\\s*(\n|$)"))
                    .map(String::strip)
                    .filter(statement -> !statement.isEmpty())
                    .forEach(statements::add);
        }
        return statements;
    }

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(Path.of("../README.md")));
        try (var docs = Files.newDirectoryStream(Path.of("../docs"), "*.md")) {
            docs.forEach(pages::add);
        }
        return pages;
    }
}
