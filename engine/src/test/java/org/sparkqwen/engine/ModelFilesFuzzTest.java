package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.gguf.GgufModel;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;

/// Mutated files of a model are read and give the same bits with both kinds of kernels, or they are refused
/// in one line that a terminal can show. Nothing else is thrown, nothing hangs, and nothing is allocated that
/// the files do not contain.
class ModelFilesFuzzTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Path MODELS = Golden.DIRECTORY.resolve("models");
    private static final int[] TOKENS = {5, 300, 17, 42, 511, 3};

    private static final Duration LONGEST = Duration.ofSeconds(20);

    /// Values that programs mishandle: signs, overflows, other types, nesting, terminal escapes.
    private static final List<String> VALUES = List.of(
            "null",
            "true",
            "false",
            "0",
            "-0.0",
            "-1",
            "1",
            "2",
            "3",
            "0.5",
            "1e400",
            "-1e-400",
            "2147483647",
            "4294967296",
            "1e18",
            "123456789012345678901234567890",
            "\"\"",
            "\"yarn\"",
            "\"qwen2\"",
            "\"qwen3_moe\"",
            "\"\\u001b[2J\\u202e\\u2028\\n\"",
            "[]",
            "[0]",
            "[[[[]]]]",
            "{}",
            "{\"rope_type\":\"yarn\",\"factor\":1e300}",
            "{\"a\":{\"b\":{\"c\":[1,2,{}]}}}",
            "\"" + "x".repeat(5_000) + "\"");

    @TempDir
    private Path directory = Path.of("");

    private int read;
    private int refused;

    @Test
    void mutatedFilesAreReadOrRefused() throws IOException {
        fuzz(12, 19);
    }

    @Tag("slow")
    @Test
    @Timeout(value = 60, unit = TimeUnit.MINUTES)
    void manyMutatedFilesAreReadOrRefused() throws IOException {
        fuzz(4_000, 1_900);
    }

    private void fuzz(int count, long seed) throws IOException {
        for (String name : List.of("dense-yarn", "moe-mixed-bf16", "dense-untied-bf16-2shards")) {
            Path model = Files.createDirectory(directory.resolve(name));
            ModelCopy.of(MODELS.resolve(name), model);
            for (String file : List.of("config.json", "generation_config.json", "model.safetensors.index.json")) {
                if (Files.exists(model.resolve(file))) {
                    fuzzJson(model, file, count, seed);
                }
            }
            String weights = Files.exists(model.resolve("model.safetensors"))
                    ? "model.safetensors"
                    : "model-00001-of-00002.safetensors";
            fuzzHeader(model, weights, count, seed);
            fuzzBytes(model, weights, headerBytes(model.resolve(weights)), count, seed);
        }
        Path gguf = Files.createDirectory(directory.resolve("gguf"));
        Files.copy(Golden.DIRECTORY.resolve("gguf/little.gguf"), gguf.resolve("model.gguf"));
        int headerBytes = (int) GgufModel.read(gguf.resolve("model.gguf"))
                .parts()
                .getFirst()
                .tensors()
                .getFirst()
                .from();
        fuzzBytes(gguf, "model.gguf", headerBytes, count, seed);
        fuzzNumbers(gguf, "model.gguf", headerBytes, count, seed);
        assertThat(read).isGreaterThan(count);
        assertThat(refused).isGreaterThan(count);
    }

    private void fuzzJson(Path model, String file, int count, long seed) throws IOException {
        Path path = model.resolve(file);
        byte[] original = Files.readAllBytes(path);
        for (int i = 0; i < count; i++) {
            Random random = new Random(seed + i);
            ObjectNode json = (ObjectNode) MAPPER.readTree(original);
            for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
                mutate(json, random);
            }
            Files.write(path, MAPPER.writeValueAsBytes(json));
            check(model, "%s of %s, seed %d".formatted(file, model.getFileName(), seed + i));
        }
        Files.write(path, original);
    }

    /// Edits the header and leaves the data in place.
    private void fuzzHeader(Path model, String file, int count, long seed) throws IOException {
        Path path = model.resolve(file);
        byte[] original = Files.readAllBytes(path);
        int headerBytes = headerBytes(path) - Long.BYTES;
        for (int i = 0; i < count; i++) {
            Random random = new Random(seed + i);
            ObjectNode json = (ObjectNode) MAPPER.readTree(original, Long.BYTES, headerBytes);
            mutate(json, random);
            byte[] header = MAPPER.writeValueAsBytes(json);
            ByteBuffer whole = ByteBuffer.allocate(original.length - headerBytes + header.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(header.length)
                    .put(header)
                    .put(original, Long.BYTES + headerBytes, original.length - headerBytes - Long.BYTES);
            Files.write(path, whole.array());
            check(model, "the header of %s of %s, seed %d".formatted(file, model.getFileName(), seed + i));
        }
        Files.write(path, original);
    }

    /// The bytes of the header of a safetensors file, with its length.
    private static int headerBytes(Path file) throws IOException {
        return Long.BYTES
                + (int) ByteBuffer.wrap(Files.readAllBytes(file))
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong(0);
    }

    /// Changes bytes of the header, most often not the first ones, or makes the file shorter or longer.
    private void fuzzBytes(Path model, String file, int headerBytes, int count, long seed) throws IOException {
        Path path = model.resolve(file);
        byte[] original = Files.readAllBytes(path);
        for (int i = 0; i < count; i++) {
            Random random = new Random(seed + i);
            byte[] bytes = original.clone();
            for (int edits = 1 + random.nextInt(4); edits > 0; edits--) {
                int at = random.nextInt(10) == 0 ? random.nextInt(8) : random.nextInt(headerBytes);
                bytes[at] = (byte) random.nextInt(256);
            }
            int length = random.nextInt(5) == 0 ? random.nextInt(2 * bytes.length) : bytes.length;
            Files.write(path, Arrays.copyOf(bytes, length));
            check(model, "bytes of %s of %s, seed %d".formatted(file, model.getFileName(), seed + i));
        }
        Files.write(path, original);
    }

    /// Puts numbers that programs mishandle where a count, a length, a size, an offset or a type may be.
    private void fuzzNumbers(Path model, String file, int headerBytes, int count, long seed) throws IOException {
        Path path = model.resolve(file);
        byte[] original = Files.readAllBytes(path);
        long[] numbers = {0, 1, 2, 31, 33, 255, 1L << 16, 1L << 31, (1L << 32) - 1, 1L << 40, 1L << 62, -1, -64};
        for (int i = 0; i < count; i++) {
            Random random = new Random(seed + i);
            byte[] bytes = original.clone();
            ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            int at = random.nextInt(4) == 0 ? 4 + 4 * random.nextInt(5) : random.nextInt(headerBytes - 8);
            long number = numbers[random.nextInt(numbers.length)];
            if (random.nextBoolean()) {
                buffer.putLong(at, number);
            } else {
                buffer.putInt(at, (int) number);
            }
            Files.write(path, bytes);
            check(model, "a number at %d of %s, seed %d".formatted(at, file, seed + i));
        }
        Files.write(path, original);
    }

    private static void mutate(ObjectNode root, Random random) throws IOException {
        List<JsonNode> places = new ArrayList<>();
        collect(root, places);
        JsonNode place = places.get(random.nextInt(3) == 0 ? random.nextInt(places.size()) : 0);
        JsonNode value = MAPPER.readTree(VALUES.get(random.nextInt(VALUES.size())));
        switch (place) {
            case ObjectNode object -> {
                List<String> keys = new ArrayList<>();
                object.fieldNames().forEachRemaining(keys::add);
                String key = keys.isEmpty() ? "key" : keys.get(random.nextInt(keys.size()));
                switch (random.nextInt(5)) {
                    case 0 -> object.remove(key);
                    case 1 -> object.set(key + "\u001b[31m", object.path(key).deepCopy());
                    case 2 ->
                        object.set(
                                key,
                                object.path(keys.isEmpty() ? key : keys.getFirst())
                                        .deepCopy());
                    default -> object.set(key, value);
                }
            }
            case ArrayNode array -> {
                if (array.isEmpty() || random.nextInt(3) == 0) {
                    array.add(value);
                } else {
                    array.set(random.nextInt(array.size()), value);
                }
            }
            default -> throw new IllegalStateException("only objects and lists are collected");
        }
    }

    private static void collect(JsonNode node, List<JsonNode> places) {
        if (node.isContainerNode()) {
            places.add(node);
            node.forEach(child -> collect(child, places));
        }
    }

    private void check(Path model, String what) {
        long start = System.nanoTime();
        try {
            double[] scalar = scored(model, KernelChoice.SCALAR);
            for (KernelChoice kernels : BackEnds.fastChoices()) {
                assertThat(scored(model, kernels)).as(what).isEqualTo(scalar);
            }
            ModelWarnings.of(model).forEach(line -> assertShown(line, what));
            read++;
        } catch (InvalidModelException e) {
            assertShown(String.valueOf(e.getMessage()), what);
            refused++;
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).as(what).isLessThan(LONGEST);
    }

    private static void assertShown(String line, String what) {
        assertThat(line)
                .as(what)
                .isNotBlank()
                .doesNotContainPattern("[\\p{Cntrl}\\u202e\\u2028]")
                .hasSizeLessThan(4_100);
    }

    private static double[] scored(Path model, KernelChoice kernels) {
        try (Engine engine = Engine.open(model, Golden.options(kernels, 1, 64))) {
            int context = Math.min(8, engine.config().maxPositions());
            if (context < 2) {
                return new double[0]; // nothing comes before a token
            }
            Request.Score request = Golden.score(0, TOKENS, Golden.unprefixed(context, context));
            return switch (Golden.all(engine.score(List.of(request).iterator())).getFirst()) {
                case Result.Scored result -> result.score().tokenLogProbabilities();
                default -> new double[0]; // the vocabulary is smaller
            };
        }
    }
}
