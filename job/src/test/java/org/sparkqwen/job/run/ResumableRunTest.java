package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.testing.LocalSpark;

/// Runs with checkpoints from Java, as docs/java.md shows them.
class ResumableRunTest {
    private static final Path PAGE = Path.of("../docs/java.md");

    private static final TokenizeJob.Settings TOKENIZATION =
            TokenizeJob.Settings.of(LocalSpark.MODEL.toString(), new ContentColumn.Text("text", SpecialTokens.TEXT));

    @TempDir
    private Path directory = Path.of("");

    @Test
    void theExampleOfTheJavaPageResumes() throws Exception {
        SparkSession spark = LocalSpark.session();
        spark.range(0, 12, 1, 1)
                .select(expr("cast(id as string) as id"), expr("if(id = 7, null, concat('The people ', id)) as text"))
                .write()
                .parquet(path("corpus").toString());
        try (URLClassLoader example = compiled(example())) {
            Object[] first = run(example, spark);
            assertThat(first[0]).isEqualTo(12L);
            assertThat(first[1]).isEqualTo(24L);
            assertThat(first[2]).isEqualTo(12L);
            RunSummary whole = (RunSummary) first[3];
            assertThat(whole.rows()).isEqualTo(12);
            assertThat(whole.tokens()).isPositive();
            assertThat(whole.errors()).isEqualTo(Map.of("the text is null", 1L));
            assertThat(whole.rejectedRows()).isEqualTo(1);
            assertThat(whole.wasComplete()).isFalse();
            List<String> rows = rows("scores");
            assertThat(rows).hasSize(11).doesNotHaveDuplicates();
            List<Path> commits = files("scores/_spark_qwen/commits", "*.json");
            assertThat(commits).hasSize(3);

            // This is the state after a kill in the second interval, whose data nobody committed.
            Files.delete(commits.get(1));
            Files.delete(commits.get(2));
            Files.delete(path("scores/_SUCCESS"));
            RunSummary resumed = (RunSummary) run(example, spark)[3];
            assertThat(resumed.wasComplete()).isFalse();
            assertThat(resumed.rows()).isEqualTo(12);
            assertThat(resumed.errors()).isEqualTo(whole.errors());
            assertThat(rows("scores")).isEqualTo(rows);
            assertThat(Files.readString(commits.get(0))).contains("\"attempt\" : 0");
            assertThat(Files.readString(commits.get(1))).contains("\"attempt\" : 1");

            RunSummary complete = (RunSummary) run(example, spark)[3];
            assertThat(complete.wasComplete()).isTrue();
            assertThat(complete.rows()).isEqualTo(12);
            assertThat(complete.tokens()).isEqualTo(resumed.tokens());
            assertThat(rows("scores")).isEqualTo(rows);
        }
        assertThat(spark.sparkContext().isStopped()).isFalse();
    }

    @Test
    void otherSettingsAreRefusedWithTheDifference() {
        RunSettings run = RunSettings.of(
                InputFormat.of("parquet", LocalSpark.CORPUS), path("out").toString());
        SparkSession spark = LocalSpark.session();
        assertThat(ResumableRun.run(spark, run, new TokenizeJob(TOKENIZATION)).rows())
                .isEqualTo(220);
        assertThatThrownBy(() -> ResumableRun.run(spark, run, new TokenizeJob(TOKENIZATION.withColumns(List.of("id")))))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("holds a run of other options: columns [], not [id]; choose another");
        assertThat(ResumableRun.run(
                                spark,
                                run.withMode(RunSettings.Mode.OVERWRITE),
                                new TokenizeJob(TOKENIZATION.withColumns(List.of("id"))))
                        .wasComplete())
                .isFalse();
        assertThat(spark.read().parquet(path("out").toString()).columns())
                .containsExactly("id", "token_ids", "tokens", "error");
    }

    /// Returns the code of the page, on the sample model and a small input.
    private String example() throws IOException {
        String code = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
                .matcher(Files.readString(PAGE))
                .results()
                .map((MatchResult block) -> block.group(1))
                .collect(Collectors.joining());
        return code.replace("/shared/Qwen3-4B-Base", LocalSpark.MODEL.toString())
                .replace("/models/manual-lora", LocalSpark.SAMPLES + "/manual-lora")
                .replace("\"corpus\"", "\"" + path("corpus") + "\"")
                .replace("/shared/scores", path("scores").toString())
                .replace("100_000", "5");
    }

    /// Compiles the code as a method that returns what a test looks at.
    private URLClassLoader compiled(String code) throws IOException {
        Path source = path("Example.java");
        Files.writeString(source, """
            import java.nio.file.Path;
            import java.util.*;
            import org.apache.spark.sql.*;
            import org.sparkqwen.engine.request.Labels;
            import org.sparkqwen.engine.sampling.*;
            import org.sparkqwen.engine.tokenizer.SpecialTokens;
            import org.sparkqwen.job.*;
            import org.sparkqwen.job.columns.*;
            import org.sparkqwen.job.errors.ErrorPolicy;
            import org.sparkqwen.job.input.InputFormat;
            import org.sparkqwen.job.model.*;
            import org.sparkqwen.job.run.*;

            public class Example {
                public static Object[] run(SparkSession spark) {
                    %s
                    return new Object[] {scores.count(), texts.count(), continuations.count(), summary};
                }
            }
            """.formatted(code));
        int failed = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        null,
                        "-proc:none",
                        "-nowarn",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "-d",
                        directory.toString(),
                        source.toString());
        assertThat(failed).isZero();
        return new URLClassLoader(
                new URL[] {directory.toUri().toURL()}, getClass().getClassLoader());
    }

    private static Object[] run(ClassLoader example, SparkSession spark) throws ReflectiveOperationException {
        try {
            return (Object[]) example.loadClass("Example")
                    .getMethod("run", SparkSession.class)
                    .invoke(null, spark);
        } catch (InvocationTargetException e) {
            throw new AssertionError(e.getCause());
        }
    }

    /// Returns the rows of an output with every digit, sorted.
    private List<String> rows(String output) {
        Dataset<Row> written = LocalSpark.session().read().parquet(path(output).toString());
        return LocalSpark.sorted(written);
    }

    private List<Path> files(String name, String glob) throws IOException {
        List<Path> files = new ArrayList<>();
        try (var found = Files.newDirectoryStream(path(name), glob)) {
            found.forEach(files::add);
        }
        return files.stream().sorted().toList();
    }

    private Path path(String name) {
        return directory.resolve(name);
    }
}
