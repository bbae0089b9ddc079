package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;
import org.sparkqwen.job.testing.SparkProcess;

/// Bad data where executors are separate processes, so that what they find reaches the driver only through heartbeats
/// and results.
class BadDataIT {
    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void badRowsAndAFileThatCannotBeReadArePutAside() throws IOException {
        write("a", "select id, if(id % 10 = 3, null, concat('text ', id)) as text from range(0, 300, 1, 1)");
        write("b", "select id, concat('text ', id) as text from range(300, 400, 1, 1)");
        Path cut = file("in/b");
        byte[] whole = Files.readAllBytes(cut);
        Files.write(cut, Arrays.copyOf(whole, whole.length - 20));

        CommandRun refused = submit("tokenize");
        assertThat(refused.exitCode()).as(refused.out()).isEqualTo(1);
        assertThat(refused.out()).contains("1 input file cannot be read: " + cut);
        CommandRun run = submit("tokenize", "--on-error", "drop", "--checkpoint-rows", "100");
        assertThat(run.exitCode()).as(run.out()).isZero();
        assertThat(run.out())
                .contains("Tokenized 270 rows")
                .contains("left out    1 input file cannot be read: " + cut);
        assertThat(read("out").count()).isEqualTo(270);
        List<Row> dropped = read("out/_errors").collectAsList();
        assertThat(dropped).hasSize(30);
        Path origin = file("in/a");
        assertThat(dropped).allSatisfy(row -> {
            assertThat(row.<String>getAs("error")).isEqualTo("the text is null");
            assertThat(row.<String>getAs("origin_file")).endsWith(origin.toString());
            assertThat(row.<Long>getAs("origin_row")).isEqualTo(row.getAs("id"));
        });

        Files.write(cut, whole);
        assertThat(submit("tokenize", "--on-error", "drop").exitCode()).isZero();
        assertThat(read("out").count()).isEqualTo(370);
    }

    /// One interval has more than a minute's work. The bad rows are the longest, so tasks find them at once.
    @Test
    @Tag("slow")
    void tooManyErrorsStopExecutorsInTheMiddleOfTheirTasks() throws IOException {
        write("good", "select cast(text as binary) as text from parquet.`%s`, range(4)".formatted(LocalSpark.CORPUS));
        write("bad", "select unhex(repeat('ff', 200000)) as text from range(0, 60, 1, 1)");

        CommandRun run = submit("score", "--max-error-rate", "0.01", "--checkpoint-rows", "100000");
        assertThat(run.exitCode()).as(run.out()).isEqualTo(1);
        assertThat(run.out())
                .containsPattern("stopped: \\d+ of the first 940 rows \\(\\d %\\) have errors already")
                .containsPattern("is not valid UTF-8.*" + file("in/bad"))
                .contains("0 rows are done and kept");
        assertThat(directory.resolve("out/_spark_qwen/commits")).doesNotExist();
        try (Stream<Path> files = Files.walk(directory.resolve("events"))) {
            List<String> lines = new ArrayList<>();
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                lines.addAll(Files.readAllLines(file));
            }
            // The stage of the model's work was begun, and none of its tasks finished.
            assertThat(stages(lines, "SparkListenerTaskEnd").last())
                    .isLessThan(stages(lines, "SparkListenerTaskStart").last());
        }
    }

    /// Returns the stages that have events of a kind; for ends, only of tasks that succeeded.
    private static SortedSet<Integer> stages(List<String> lines, String event) {
        Pattern pattern = Pattern.compile("\"%s\",\"Stage ID\":(\\d+)".formatted(event));
        return lines.stream()
                .filter(line -> !line.contains("\"Reason\":\"TaskKilled\""))
                .map(pattern::matcher)
                .filter(Matcher::find)
                .map(matcher -> Integer.valueOf(matcher.group(1)))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /// Processes all files in `in`. Spark's log of events is in `events`.
    private CommandRun submit(String command, String... options) throws IOException {
        Path events = Files.createDirectories(directory.resolve("events"));
        List<String> logged = List.of(
                "--conf", "spark.eventLog.enabled=true",
                "--conf", "spark.eventLog.compress=false",
                "--conf", "spark.eventLog.dir=" + events.toUri());
        String[] arguments = LittleModel.command(command, directory.resolve("in/*"), directory.resolve("out"), options);
        return SparkProcess.submit(directory, "local-cluster[2,1,1024]", logged, arguments);
    }

    private void write(String name, String query) {
        LocalSpark.session()
                .sql(query)
                .coalesce(1)
                .write()
                .parquet(directory.resolve("in/" + name).toString());
    }

    private Dataset<Row> read(String name) {
        return LocalSpark.session().read().parquet(directory.resolve(name).toString());
    }

    /// Returns the single file of a written input.
    private Path file(String name) throws IOException {
        return RunFiles.list(directory.resolve(name), "*.parquet").getFirst();
    }
}
