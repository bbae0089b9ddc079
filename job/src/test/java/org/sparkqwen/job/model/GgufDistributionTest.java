package org.sparkqwen.job.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.ScoreJobTest;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.testing.LittleGguf;
import org.sparkqwen.job.testing.LocalSpark;

/// Tasks get a GGUF model in each of the ways in which they get a directory.
class GgufDistributionTest {
    @TempDir
    private Path directory = Path.of("");

    private Path model = Path.of("");

    /// Beside the model lie another one and files that do not count. All are old enough for a listing of them to be
    /// remembered.
    @BeforeEach
    void copyModel() throws IOException {
        Path models = Files.createDirectory(directory.resolve("models"));
        model = Files.copy(LittleGguf.FILE, models.resolve("little.gguf"));
        Files.copy(LittleGguf.FILE, models.resolve("other.gguf"));
        for (String name : List.of("config.json", "model.safetensors", "tokenizer_config.json", "README.md")) {
            Files.writeString(models.resolve(name), "{}");
        }
        Files.writeString(models.resolve("generation_config.json"), "{\"eos_token_id\": 273}");
        for (Path file : files(models)) {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(60)));
        }
    }

    @ParameterizedTest
    @EnumSource(ModelDistribution.class)
    void everyWayGivesTheSameRows(ModelDistribution way) throws IOException {
        ModelReference reference = ModelReference.open(model, options());
        ModelReference distributed = reference.distribute(way, LocalSpark.session());
        assertThat(scores(distributed)).hasSize(6).isEqualTo(expected());
        boolean copied = way == ModelDistribution.FETCH || way == ModelDistribution.BROADCAST;
        assertThat(copies()).hasSize(copied ? 1 : 0);
        for (Path copy : copies()) {
            assertThat(files(copy))
                    .map(file -> file.getFileName().toString())
                    .containsExactlyInAnyOrder("generation_config.json", "little.gguf");
        }
    }

    /// A URI names the file, or a directory with one model.
    @ParameterizedTest
    @ValueSource(strings = {"/little.gguf", ""})
    void aModelThatLiesElsewhereIsCopiedOnce(String name) throws IOException {
        if (name.isEmpty()) {
            Files.delete(model.resolveSibling("other.gguf"));
            Files.delete(model.resolveSibling("model.safetensors"));
        }
        ModelReference fetched = fetch(model.getParent() + name);
        assertThat(fetched.isRemote()).isTrue();
        assertThat(fetched.sha256())
                .isEqualTo(ModelReference.open(model, options()).sha256());
        assertThat(fetched.label()).startsWith(name.isEmpty() ? "models@" : "little.gguf@");
        assertThat(scores(fetched.distribute(ModelDistribution.AUTO, LocalSpark.session())))
                .isEqualTo(expected());
        assertThat(scores(fetched.distribute(ModelDistribution.FETCH, LocalSpark.session())))
                .isEqualTo(expected());
        assertThat(copies()).hasSize(1);
    }

    @Test
    void whatIsNotThereIsNamed() throws IOException {
        assertThatThrownBy(() -> fetch(model.resolveSibling("nowhere.gguf").toString()))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("nowhere.gguf does not exist");
        Path part = Files.copy(model, model.resolveSibling("part-00001-of-00002.gguf"));
        assertThatThrownBy(() -> fetch(part.toString()))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("part-00002-of-00002.gguf, which does not exist; upload that file too");
        Files.delete(model.resolveSibling("model.safetensors"));
        assertThatThrownBy(() -> fetch(String.valueOf(model.getParent())))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("holds 3 GGUF models: little.gguf, other.gguf, part-00001-of-00002.gguf");
    }

    private ModelReference fetch(String path) {
        return ModelReference.fetch("file:" + path, new SparkConf(false), options());
    }

    private ExecutorOptions options() {
        return ExecutorOptions.DEFAULT
                .withThreads(1)
                .withCacheDirectory(directory.resolve("cache").toString());
    }

    private List<Path> copies() throws IOException {
        Path models = directory.resolve("cache/models");
        return Files.exists(models)
                ? files(models).stream().filter(Files::isDirectory).toList()
                : List.of();
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        }
    }

    /// The scores of the directory with the same numbers.
    private static List<String> expected() {
        return scores(ModelReference.open(LittleGguf.DIRECTORY));
    }

    private static List<String> scores(ModelReference reference) {
        Dataset<Row> scores = ScoreJobTest.score(reference, LocalSpark.corpus().limit(6), List.of("id"));
        return LocalSpark.sorted(scores.selectExpr("id", "sum_nll", "tokens_scored", "error"));
    }
}
