package org.sparkqwen.job.sql;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.JavaSource;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// The examples in docs/sql.md work as they are written there, with a little model. The statements follow each other in
/// one session.
class DocumentedSqlTest {
    private static final Path PAGE = Path.of("../docs/sql.md");

    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void everyStatementRunsWithoutAnError() throws Exception {
        SparkSession session = LocalSpark.session().newSession();
        List<String> run = new ArrayList<>();
        for (String statement : statements()) {
            List<Row> rows = session.sql(statement).collectAsList();
            assertThat(rows.isEmpty()).as(statement).isEqualTo(!isQuery(statement));
            run.add(statement);
        }
        assertThat(run).hasSizeGreaterThan(15);
    }

    private static boolean isQuery(String statement) {
        return Stream.of("SELECT", "SET", "EXPLAIN").anyMatch(statement::startsWith);
    }

    private static List<String> statements() throws Exception {
        return blocks("sql").stream()
                .flatMap(block -> Stream.of(block.split(";\\s*(\n|$)")))
                .map(String::strip)
                .filter(statement -> !statement.isEmpty())
                .toList();
    }

    /// DocumentedCommandsTest compiles the Java of all pages. This page's is run, too.
    @Test
    void theJavaExampleRuns() throws Exception {
        String source = """
            import java.util.concurrent.Callable;
            import org.apache.spark.sql.*;

            public class Example implements Callable<Dataset<Row>> {
                public Dataset<Row> call() {
                    %s
                    return texts;
                }
            }
            """.formatted(String.join("", blocks("java")));
        JavaSource.compile(source, directory, PAGE.toString());
        SparkSession session = LocalSpark.session();
        session.read().parquet(LocalSpark.PROMPTS).limit(2).createOrReplaceTempView("prompts");
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
            Object texts =
                    ((Callable<?>) loader.loadClass("Example").getConstructor().newInstance()).call();
            assertThat(((Dataset<?>) texts).select("text.error").collectAsList())
                    .isEqualTo(List.of(nullRow(), nullRow()));
        } finally {
            session.catalog().dropTempView("prompts");
            session.conf().unset("spark.qwen.model");
        }
    }

    private static Row nullRow() {
        return RowFactory.create((Object) null);
    }

    /// The shell spark-sql is in Spark's downloads alone. ConnectIT starts a server with the same settings.
    @Test
    void theCommandOfTheShellNamesTheExtension() throws Exception {
        List<String> settings = Pattern.compile("--conf ([^= ]+=\\S+)")
                .matcher(blocks("text").getFirst())
                .results()
                .map(conf -> conf.group(1))
                .toList();
        assertThat(settings)
                .containsExactly(
                        "spark.sql.extensions=" + QwenExtensions.class.getName(),
                        "spark.qwen.model=" + LittleModel.directory());
    }

    private static List<String> blocks(String language) throws Exception {
        String page = Files.readString(PAGE)
                .replace("data-samples/tiny-qwen3", LittleModel.directory().toString())
                .replace("data-samples/", LocalSpark.SAMPLES + "/")
                .replace("/shared/Qwen3-4B-Base", LittleModel.directory().toString());
        return Pattern.compile("(?ms)^```%s\n(.*?)^```$".formatted(language))
                .matcher(page)
                .results()
                .map(block -> block.group(1))
                .toList();
    }
}
