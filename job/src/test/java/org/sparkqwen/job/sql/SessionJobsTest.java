package org.sparkqwen.job.sql;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;

class SessionJobsTest {
    @TempDir
    private Path directory = Path.of("");

    private final SparkSession session = LocalSpark.session();
    private final List<String> warnings = new ArrayList<>();
    private final SessionJobs jobs = new SessionJobs(warnings::add);

    private Work prepared(JobFunction function, Path model, Map<String, List<String>> options) {
        Map<String, List<String>> all = new HashMap<>(options);
        all.put("model", List.of(model.toString()));
        return jobs.prepared(new JobCall(function, true, List.of("text"), all, ScoreJob.SCHEMA), List.of(), session);
    }

    @Test
    void theFilesOfAModelAreOpenedOnceHoweverItIsRun() throws IOException {
        copyModel();
        Work first = prepared(JobFunction.SCORE, directory, Map.of("batch-tokens", List.of("16")));
        for (Path file : RunFiles.list(directory, "*")) {
            Files.delete(file);
        }
        assertThat(prepared(JobFunction.SCORE, directory, Map.of("batch-tokens", List.of("32"))))
                .isNotSameAs(first);
        assertThat(prepared(JobFunction.SCORE, directory, Map.of("batch-tokens", List.of("16"))))
                .isSameAs(first);
    }

    @Test
    void aJobIsPreparedAgainWhenAFileOfItsOptionsHasChanged() throws IOException {
        Path schema = Files.writeString(directory.resolve("schema.json"), "{\"const\": 1}");
        Map<String, List<String>> options = Map.of("json-schema", List.of(schema.toString()));
        Work first = prepared(JobFunction.GENERATE, LittleModel.directory(), options);
        assertThat(prepared(JobFunction.GENERATE, LittleModel.directory(), options))
                .isSameAs(first);
        Files.writeString(schema, "{\"const\": 2}");
        Work second = prepared(JobFunction.GENERATE, LittleModel.directory(), options);
        assertThat(second.identity()).isNotEqualTo(first.identity());
    }

    @Test
    void theWarningsOfAJobAreGivenOnceInTheWordsOfSql() throws IOException {
        copyModel();
        insert("config.json", "\"a_new_thing\": {}");
        insert(
                "tokenizer_config.json",
                "\"chat_template\": \"{% for message in messages %}{{ message.content }}{% endfor %}\"");
        Map<String, List<String>> options = Map.of("chat", List.of("true"), "thinking", List.of("on"));
        prepared(JobFunction.GENERATE, directory, options);
        prepared(JobFunction.GENERATE, directory, options);
        assertThat(warnings)
                .hasSize(2)
                .satisfiesOnlyOnce(
                        line -> assertThat(line).isEqualTo("config.json: unknown keys are ignored: a_new_thing"));
        assertThat(warnings).satisfiesOnlyOnce(line -> assertThat(line).startsWith("thinking on changes no prompt: "));
    }

    private void copyModel() throws IOException {
        for (Path file : RunFiles.list(LittleModel.directory(), "*")) {
            Files.copy(file, directory.resolve(file.getFileName()));
        }
    }

    /// Inserts a key at the beginning of a file of JSON.
    private void insert(String file, String member) throws IOException {
        Path path = directory.resolve(file);
        Files.writeString(
                path, Files.readString(path).replaceFirst("\\{", "{%s,".formatted(Matcher.quoteReplacement(member))));
    }
}
