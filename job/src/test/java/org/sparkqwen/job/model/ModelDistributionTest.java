package org.sparkqwen.job.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.ScoreJobTest;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.progress.CopyDisplay;
import org.sparkqwen.job.storage.HadoopFiles;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import scala.reflect.ClassTag;

/// The ways in which tasks get a model, in this JVM. `DistributionIT` has other processes.
class ModelDistributionTest {
    private static final String[] COMPARED = {"id", "sum_nll", "tokens_scored", "model", "error"};

    @TempDir
    private Path directory = Path.of("");

    private Path model = Path.of("");

    /// The copy has a file that no engine reads, and is old enough for its listing to be remembered.
    @BeforeEach
    void copyModel() throws IOException {
        model = Files.createDirectory(directory.resolve("tiny-qwen3"));
        try (Stream<Path> files = Files.list(LocalSpark.MODEL)) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
        Files.writeString(model.resolve("pytorch_model.bin"), "not for us");
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(60)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(ModelDistribution.class)
    void everyWayGivesTheSameRows(ModelDistribution way) throws IOException {
        ModelReference reference = ModelReference.open(model, options());
        ModelReference distributed = reference.distribute(way, LocalSpark.session());
        assertThat(scores(distributed)).hasSize(12).isEqualTo(scores(LocalSpark.model()));
        boolean copied = way == ModelDistribution.FETCH || way == ModelDistribution.BROADCAST;
        assertThat(copies()).hasSize(copied ? 1 : 0);
    }

    @Test
    void aModelThatLiesElsewhereIsCopiedOnceAndKeepsItsNameAndIdentity() throws IOException {
        ModelReference fetched = fetch();
        assertThat(fetched.identity()).isEqualTo(LocalSpark.model().identity());
        assertThat(fetched.label()).isEqualTo(LocalSpark.model().label());
        assertThat(fetched.isRemote()).isTrue();
        assertThat(copies()).hasSize(1);
        try (Stream<Path> files = Files.list(Path.of(fetched.directory()))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .hasSize(8)
                    .doesNotContain("pytorch_model.bin", "README.md");
        }
        FileTime made = Files.getLastModifiedTime(fetched.path().resolve("config.json"));
        assertThat(fetch().directory()).isEqualTo(fetched.directory());
        assertThat(Files.getLastModifiedTime(fetched.path().resolve("config.json")))
                .isEqualTo(made);
    }

    @Test
    void aModelThatHasChangedElsewhereIsAnother() throws IOException {
        ModelReference before = fetch();
        Path config = model.resolve("generation_config.json");
        Files.writeString(config, Files.readString(config) + " ");
        ModelReference after = fetch();
        assertThat(after.sha256()).isNotEqualTo(before.sha256());
        assertThat(copies()).hasSize(2);
    }

    @Test
    void whatIsNoModelElsewhereIsRefused() throws IOException {
        Files.delete(model.resolve("model-00002-of-00003.safetensors"));
        assertThatThrownBy(this::fetch)
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(
                        "model.safetensors.index.json names model-00002-of-00003.safetensors, which does not exist");
        model = directory.resolve("nowhere");
        assertThatThrownBy(this::fetch).isInstanceOf(Refusal.class).hasMessageContaining("does not exist");
    }

    @Test
    void aTokenizerElsewhereIsDownloaded() throws IOException {
        HadoopFiles files = new HadoopFiles("file:" + model, new Configuration());
        Path copy = files.download("tokenizer", TokenizerFiles::names);
        try (Stream<Path> names = Files.list(copy)) {
            assertThat(names.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("tokenizer.json", "tokenizer_config.json");
        }
        assertThat(Files.mismatch(copy.resolve("tokenizer.json"), model.resolve("tokenizer.json")))
                .isEqualTo(-1);
        assertThatThrownBy(() -> files.download("tokenizer", _ -> List.of("vocab.json")))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("cannot be read");
    }

    @Test
    void whatExecutorsCopyIsCountedForThoseWhoWatch() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ModelReference distributed = ModelDistribution.FETCH.distribute(
                ModelReference.open(model, options()),
                LocalSpark.session(),
                new PrintStream(out, true, StandardCharsets.UTF_8));
        scores(distributed);
        ModelSource.Fetched source = (ModelSource.Fetched) distributed.source();
        assertThat(source.copied().value()).isEqualTo(source.files().bytes());
        assertThat(CopyDisplay.line(5_200_000_000L, 3, 8_000_000_000L))
                .isEqualTo("Model: 3 executors have copied 5.2 GB; it has 8.0 GB");
    }

    /// Spark notices by garbage collection that nobody has a model any more. Listeners of other tests may go, too.
    @Test
    void onlyAModelInUseKeepsItsListener() throws InterruptedException {
        ModelReference reference = ModelReference.open(model, options());
        int before = listeners();
        ModelReference inUse = reference.broadcast(LocalSpark.session());
        for (int i = 0; i < 10; i++) {
            reference.broadcast(LocalSpark.session());
        }
        assertThat(listeners()).isGreaterThan(before + 1);
        for (int attempt = 0; listeners() > before + 1 && attempt < 200; attempt++) {
            System.gc();
            Thread.sleep(50);
        }
        assertThat(listeners()).isBetween(1, before + 1);
        assertThat(scores(inUse)).hasSize(12);
    }

    private static int listeners() {
        return LocalSpark.session()
                .sparkContext()
                .listenerBus()
                .findListenersByClass(ClassTag.apply(CopyDisplay.class))
                .size();
    }

    @Test
    void anUnknownFileSystemIsSaidInOneLine() {
        CommandRun run = CommandRun.of(
                "score",
                "--model",
                "nosuchfs://host/model",
                "--input",
                LocalSpark.CORPUS,
                "--output",
                directory.resolve("out").toString());
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err().strip().lines())
                .singleElement()
                .asString()
                .contains("--model nosuchfs://host/model cannot be read");
    }

    private ModelReference fetch() {
        return ModelReference.fetch("file:" + model, new SparkConf(false), options());
    }

    private ExecutorOptions options() {
        return ExecutorOptions.DEFAULT.withThreads(1).withCacheDirectory(cache().toString());
    }

    private Path cache() {
        return directory.resolve("cache");
    }

    private List<Path> copies() throws IOException {
        if (!Files.exists(cache().resolve("models"))) {
            return List.of();
        }
        try (Stream<Path> content = Files.list(cache().resolve("models"))) {
            return content.filter(Files::isDirectory).toList();
        }
    }

    private static List<String> scores(ModelReference reference) {
        Dataset<Row> scores = ScoreJobTest.score(reference, LocalSpark.corpus().limit(12), List.of("id"));
        return LocalSpark.sorted(scores.selectExpr(COMPARED));
    }
}
