package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.Unwatched;
import org.sparkqwen.engine.testing.Writable;

/// A model gives the same bits from memory, from the cache and from a packed directory. Packed files that are
/// damaged or belong to another model are refused or made again.
class PackedModelTest {
    private static final Path TIED = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final Path UNTIED = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");
    private static final int[] TOKENS = {1, 200, 31, 32, 33, 64, 250, 7, 7, 90, 127, 128};

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.Golden#MODELS")
    void everyWayToKeepTheWeightsGivesTheSameBits(String name) throws PackingException {
        Path model = Golden.DIRECTORY.resolve("models").resolve(name);
        List<Double> expected = logProbabilities(model, null);
        assertThat(logProbabilities(model, cache())).isEqualTo(expected); // packs
        assertThat(logProbabilities(model, cache())).isEqualTo(expected); // maps
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(model, WeightEncoding.STORED, packed, cache(), new Unwatched());
        assertThat(packed.resolve("model.safetensors")).doesNotExist();
        assertThat(logProbabilities(packed, null)).isEqualTo(expected);
        assertThat(logProbabilities(packed, cache())).isEqualTo(expected);
    }

    @Test
    void theTiedSampleModelGivesTheSameBitsMapped() throws IOException {
        List<Double> expected = logProbabilities(Golden.SMALL_MODEL, null);
        assertThat(logProbabilities(Golden.SMALL_MODEL, cache())).isEqualTo(expected);
        assertThat(packedFiles()).hasSize(1);
    }

    /// Damage is reported before a number is computed, and only when the damaged part is used.
    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.embed_tokens.weight",
                "model.layers.0.input_layernorm.weight",
                "model.layers.1.mlp.down_proj.weight",
                "model.norm.weight",
                "lm_head.weight"
            })
    void aDamagedTensorGivesNoResult(String name) throws IOException {
        Path packed = directory.resolve("packed");
        Path file = Packing.intoDirectory(UNTIED, WeightEncoding.STORED, packed, cache(), new Unwatched())
                .file();
        flipIn(file, name);
        try (Engine engine = Engine.open(packed, options(null))) {
            for (int attempt = 0; attempt < 2; attempt++) {
                assertThat(Refusal.messageOf(() -> score(engine)))
                        .startsWith(file + ": tensor " + name + " is damaged")
                        .contains("delete it");
                assertThat(engine.blocksInUse()).isZero();
            }
        }
        assertThat(Refusal.messageOf(() -> Packing.verify(file, new Unwatched())))
                .contains(name, "is damaged");
    }

    /// Each of two tokens goes to three of eight experts.
    @Test
    void aDamagedExpertStopsOnlyTheTextsThatGoToIt() throws IOException {
        Path model = Golden.DIRECTORY.resolve("models/moe-mixed-bf16");
        List<Double> expected = logProbabilities(model, null, 1, 200);
        int stopped = 0;
        for (int expert = 0; expert < 8; expert++) {
            Path packed = directory.resolve("packed-" + expert);
            Path file = Packing.intoDirectory(model, WeightEncoding.STORED, packed, cache(), new Unwatched())
                    .file();
            String name = "model.layers.3.mlp.experts.%d.down_proj.weight".formatted(expert);
            flipIn(file, name);
            try (Engine engine = Engine.open(packed, options(null))) {
                assertThat(score(engine, 1, 200)).isEqualTo(expected);
            } catch (InvalidModelException e) {
                assertThat(e).hasMessageStartingWith(file + ": tensor " + name + " is damaged");
                stopped++;
            }
            assertThat(Refusal.messageOf(() -> Packing.verify(file, new Unwatched())))
                    .contains(name, "is damaged");
        }
        assertThat(stopped).isBetween(3, 6);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 8, 16, 40, -1})
    void aCachedFileWithADamagedHeaderIsMadeAgain(int at) throws IOException {
        List<Double> expected = logProbabilities(TIED, cache());
        Path file = packedFiles().getFirst();
        byte[] sound = Files.readAllBytes(file);
        if (at < 0) {
            Files.write(Writable.file(file), Arrays.copyOf(sound, sound.length / 2));
        } else {
            flip(file, at);
        }
        assertThat(Refusal.messageOf(() -> Packing.find(TIED, WeightEncoding.STORED, cache())))
                .startsWith(file.toString());
        assertThat(logProbabilities(TIED, cache())).isEqualTo(expected);
        assertThat(packedFiles()).containsExactly(file);
        assertThat(Files.readAllBytes(file)).isEqualTo(sound);
    }

    @Test
    void aCachedFileOfOtherWeightsIsMadeAgain() throws IOException {
        List<Double> expected = logProbabilities(TIED, cache());
        Path file = packedFiles().getFirst();
        byte[] sound = Files.readAllBytes(file);
        Path other = directory.resolve("other-cache");
        Path foreign = Packing.intoCache(UNTIED, WeightEncoding.STORED, other, new Unwatched())
                .file();
        Files.write(Writable.file(file), Files.readAllBytes(foreign));
        assertThat(logProbabilities(TIED, cache())).isEqualTo(expected);
        assertThat(Files.readAllBytes(file)).isEqualTo(sound);
    }

    @Test
    void changedWeightsGetAFileOfTheirOwn() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        ModelCopy copy = ModelCopy.of(TIED, model);
        List<Double> before = logProbabilities(model, cache());
        copy.weights("model.safetensors", "model.norm.weight", 0, 0.5f, 2f, 0.25f);
        List<Double> after = logProbabilities(model, cache());
        assertThat(after).isNotEqualTo(before).isEqualTo(logProbabilities(model, null));
        assertThat(packedFiles()).hasSize(2);
    }

    @Test
    void modelsOfTheSameWeightsShareAFile() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        ModelCopy.of(TIED, model).config(json -> json.put("rms_norm_eps", 1e-3));
        assertThat(logProbabilities(model, cache())).isNotEqualTo(logProbabilities(TIED, cache()));
        assertThat(packedFiles()).hasSize(1);
    }

    /// Whether the head is tied decides in which form the embedding is packed. The same numbers under two
    /// names are a tied head if the config says so. The file then differs from one with two matrices.
    @Test
    void theSameWeightsTiedAndUntiedAreTwoFiles() throws IOException {
        Path tied = Files.createDirectory(directory.resolve("tied"));
        Path untied = Files.createDirectory(directory.resolve("untied"));
        for (Path model : List.of(tied, untied)) {
            ModelCopy copy =
                    ModelCopy.of(TIED, model).config(json -> json.put("tie_word_embeddings", model.equals(tied)));
            copy.withHead("model.safetensors", 0);
        }
        assertThat(logProbabilities(tied, cache())).isEqualTo(logProbabilities(TIED, null));
        assertThat(logProbabilities(untied, cache())).isEqualTo(logProbabilities(TIED, null));
        assertThat(packedFiles()).hasSize(2);
    }

    /// A head with other numbers counts, whatever the config says. So it is the same model and the same file.
    @Test
    void aSeparateHeadIsPackedWhateverTheConfigSays() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        ModelCopy.of(UNTIED, model).config(json -> json.put("tie_word_embeddings", true));
        assertThat(logProbabilities(model, null)).isEqualTo(logProbabilities(UNTIED, null));
        assertThat(logProbabilities(model, cache())).isEqualTo(logProbabilities(UNTIED, cache()));
        assertThat(packedFiles()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "num_hidden_layers | 4 | tensor model.layers.3.input_layernorm.weight is missing",
                "num_hidden_layers | 2 | has no place in the model",
                "intermediate_size | 161 | the config needs [161, "
            })
    void aPackedModelWithAnotherConfigIsRefused(String key, int value, String message) throws IOException {
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(TIED, WeightEncoding.STORED, packed, cache(), new Unwatched());
        new ModelCopy(packed).config(json -> json.put(key, value));
        assertThat(refusal(packed)).startsWith(packed + ": ").contains(message);
    }

    @Test
    void aPackedModelHasTheHeadThatItWasPackedWith() throws IOException {
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(UNTIED, WeightEncoding.STORED, packed, cache(), new Unwatched());
        new ModelCopy(packed).config(json -> json.put("tie_word_embeddings", true));
        assertThat(logProbabilities(packed, null)).isEqualTo(logProbabilities(UNTIED, null));
        Path other = directory.resolve("other");
        Packing.intoDirectory(TIED, WeightEncoding.STORED, other, cache(), new Unwatched());
        new ModelCopy(other).config(json -> json.put("tie_word_embeddings", false));
        assertThat(refusal(other)).contains("tensor lm_head.weight is missing");
    }

    @Test
    void aDirectoryWithBothFormsIsRefused() throws IOException {
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(TIED, WeightEncoding.STORED, packed, cache(), new Unwatched());
        Files.copy(TIED.resolve("model.safetensors"), packed.resolve("model.safetensors"));
        assertThat(refusal(packed))
                .isEqualTo(
                        packed + ": holds both weights.packed and safetensors; " + "remove the one that is not wanted");
    }

    @Test
    void aTruncatedPackedModelIsRefused() throws IOException {
        Path packed = directory.resolve("packed");
        Path file = Packing.intoDirectory(TIED, WeightEncoding.STORED, packed, cache(), new Unwatched())
                .file();
        byte[] bytes = Files.readAllBytes(file);
        Files.write(Writable.file(file), Arrays.copyOf(bytes, bytes.length - 1));
        assertThat(refusal(packed)).startsWith(file.toString()).contains("bytes long where", "delete it");
    }

    @Test
    void packingReportsWhetherItWasNecessary() throws IOException {
        assertThat(Packing.find(TIED, WeightEncoding.STORED, cache())).isEmpty();
        Packing.Packed first = Packing.intoCache(TIED, WeightEncoding.STORED, cache(), new Unwatched());
        assertThat(first.made()).isTrue();
        assertThat(first.bytes()).isEqualTo(Files.size(first.file()));
        assertThat(Packing.intoCache(TIED, WeightEncoding.STORED, cache(), new Unwatched())
                        .made())
                .isFalse();
        assertThat(Packing.find(TIED, WeightEncoding.STORED, cache()))
                .isEqualTo(Optional.of(new Packing.Packed(first.file(), first.bytes(), false)));
        assertThat(Packing.verify(first.file(), new Unwatched())).isEqualTo(first.bytes());
    }

    @Test
    void aPackedDirectoryReplacesNothingElse() throws IOException {
        Path output = Files.createDirectory(directory.resolve("output"));
        assertThat(Packing.intoDirectory(TIED, WeightEncoding.STORED, output, cache(), new Unwatched())
                        .made())
                .isTrue();
        assertThat(Packing.intoDirectory(TIED, WeightEncoding.STORED, output, cache(), new Unwatched())
                        .made())
                .isFalse();
        assertThatThrownBy(() -> Packing.intoDirectory(UNTIED, WeightEncoding.STORED, output, cache(), new Unwatched()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("packed from other weights");

        Path letters = Files.createDirectory(directory.resolve("letters"));
        Files.writeString(letters.resolve("a-letter"), "to be kept");
        assertThatThrownBy(() -> Packing.intoDirectory(TIED, WeightEncoding.STORED, letters, cache(), new Unwatched()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("%s is not empty, it holds a-letter; choose another directory", letters);
        assertThatThrownBy(() -> Packing.intoDirectory(
                        TIED, WeightEncoding.STORED, letters.resolve("a-letter"), cache(), new Unwatched()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is not a directory");
        assertThat(letters.resolve("a-letter")).hasContent("to be kept");
    }

    @Test
    void weightsArePackedIntoMemoryIfThereCanBeNoCache() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertThat(logProbabilities(TIED, file.resolve("cache"))).isEqualTo(logProbabilities(TIED, null));
        assertThatThrownBy(() -> Packing.intoCache(TIED, WeightEncoding.STORED, file.resolve("cache"), new Unwatched()))
                .isInstanceOf(PackingException.class)
                .hasMessageStartingWith(file.resolve("cache") + ": cannot be written: ");
    }

    /// A cache may be filled by root. It is used without writing anything to it.
    @Test
    void aFilledCacheNeedNotBeWritable() throws IOException {
        Path file = Packing.intoCache(TIED, WeightEncoding.STORED, cache(), new Unwatched())
                .file();
        Path lock = Path.of(file.toString().replace(".packed", ".lock"));
        Files.delete(lock);
        Files.createDirectory(lock); // it cannot be locked, not even by root
        assertThat(Packing.intoCache(TIED, WeightEncoding.STORED, cache(), new Unwatched())
                        .made())
                .isFalse();
        Files.delete(file);
        assertThatThrownBy(() -> Packing.intoCache(TIED, WeightEncoding.STORED, cache(), new Unwatched()))
                .isInstanceOf(PackingException.class)
                .hasMessageStartingWith(cache() + ": cannot be written: ");
    }

    @Test
    void threadsThatRaceMakeOneFile() throws Exception {
        List<Double> expected = logProbabilities(Golden.SMALL_MODEL, null);
        List<Callable<List<Double>>> openings = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            openings.add(() -> logProbabilities(Golden.SMALL_MODEL, cache()));
        }
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (Future<List<Double>> opened : threads.invokeAll(openings)) {
                assertThat(opened.get()).isEqualTo(expected);
            }
        }
        assertThat(packedFiles()).hasSize(1);
    }

    @Test
    void openingTakesHardlyAnyHeap() throws IOException {
        Path packed = directory.resolve("packed");
        long bytes = Packing.intoDirectory(Golden.SMALL_MODEL, WeightEncoding.STORED, packed, cache(), new Unwatched())
                .bytes();
        WeightFiles.open(packed).close(); // loads the classes
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        long start = System.nanoTime();
        WeightFiles.open(packed).close();
        long nanos = System.nanoTime() - start;
        long heap = threads.getCurrentThreadAllocatedBytes() - before;
        System.out.printf("opened %,d packed bytes in %,d µs with %,d bytes of heap%n", bytes, nanos / 1000, heap);
        assertThat(heap).isLessThan(1 << 20).isLessThan(bytes / 10);
    }

    @Test
    void randomWeightsMakeAModel() {
        try (Engine model = Engine.open(Golden.SMALL_MODEL, options(null));
                Engine random = Engine.random(model.config(), options(null));
                Engine again = Engine.random(model.config(), options(null))) {
            List<Double> scores = score(random);
            assertThat(scores).isEqualTo(score(again)).isNotEqualTo(score(model));
            // The logits of an untrained model are small, so no token is much likelier than another.
            double uniform = -Math.log(model.config().vocabSize());
            assertThat(scores.subList(1, scores.size()))
                    .allSatisfy(score -> assertThat(score).isBetween(uniform - 3, uniform + 3));
        }
    }

    private Path cache() {
        return directory.resolve("cache");
    }

    private List<Path> packedFiles() throws IOException {
        List<Path> files = new ArrayList<>();
        try (var content = Files.newDirectoryStream(cache())) {
            for (Path path : content) {
                String name = path.getFileName().toString();
                assertThat(name).matches("[0-9a-f]{64}\\.(packed|lock|use)|stamps");
                if (name.endsWith(".packed")) {
                    files.add(path);
                }
            }
        }
        return files;
    }

    private static void flipIn(Path file, String name) throws IOException {
        try (PackedFile packed = PackedFile.open(file)) {
            PackedTensor tensor = packed.layout().find(name).orElseThrow();
            long dataStart = Files.size(file) - packed.layout().bytes();
            flip(file, Math.toIntExact(dataStart + tensor.offset() + tensor.bytes() / 2));
        }
    }

    private static void flip(Path file, int at) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[at] ^= 64;
        Files.write(Writable.file(file), bytes);
    }

    private static String refusal(Path model) {
        return Refusal.messageOf(() -> Engine.open(model, options(null)).close());
    }

    private static List<Double> logProbabilities(Path model, @Nullable Path cache, int... tokens) {
        try (Engine engine = Engine.open(model, options(cache))) {
            return score(engine, tokens.length == 0 ? TOKENS : tokens);
        }
    }

    private static List<Double> score(Engine engine) {
        return score(engine, TOKENS);
    }

    private static List<Double> score(Engine engine, int... tokens) {
        double[] scores =
                Golden.scored(engine, tokens, Golden.unprefixed(64, 32)).score().tokenLogProbabilities();
        return Arrays.stream(scores).boxed().toList();
    }

    private static EngineOptions options(@Nullable Path cache) {
        return new EngineOptions(KernelChoice.VECTOR, 2, 256, 8).withCache(cache);
    }
}
