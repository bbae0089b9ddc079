package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;

/// The files of a model directory that are opened, and that they agree with each other.
class CheckpointTest {
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    private Path directory;

    @Test
    void aSingleFileIsReadWithoutAnIndex() throws IOException {
        writeShard("model.safetensors", "a", "b");
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            assertThat(checkpoint.tensors()).extracting(CheckpointTensor::name).containsExactly("a", "b");
            assertThat(checkpoint.files()).containsExactly(directory.resolve("model.safetensors"));
            assertThat(checkpoint.fileBytes()).isEqualTo(Files.size(directory.resolve("model.safetensors")));
            assertThat(checkpoint.find("a")).isPresent();
            assertThat(checkpoint.find("z")).isEmpty();
        }
    }

    @Test
    void shardsAreReadInTheOrderOfTheirNames() throws IOException {
        writeShard(SECOND, "a");
        writeShard(FIRST, "b");
        writeIndex("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(SECOND, FIRST));
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            assertThat(checkpoint.tensors()).extracting(CheckpointTensor::name).containsExactly("b", "a");
            assertThat(checkpoint.tensors())
                    .extracting(tensor -> ((TensorView) tensor).file())
                    .containsExactly(FIRST, SECOND);
        }
    }

    /// The cache of huggingface_hub keeps a snapshot as links into a store.
    @Test
    void aLinkedFileIsFollowed(@TempDir Path store) throws IOException {
        writeShard(FIRST, "a");
        Files.move(directory.resolve(FIRST), store.resolve("0a1b2c"));
        Files.createSymbolicLink(directory.resolve("model.safetensors"), store.resolve("0a1b2c"));
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            assertThat(checkpoint.find("a")).isPresent();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../x.safetensors",
                "/tmp/x.safetensors",
                "sub/x.safetensors",
                "sub\\\\x.safetensors",
                "..",
                ".hidden.safetensors",
                "",
                "pytorch_model.bin",
                "x.safetensors.bin",
                "x.safetensors\\n",
                "x.safetensors\\u0000",
                "a b.safetensors",
                "file:x.safetensors",
                "~/x.safetensors"
            })
    void aShardsNameDoesNotLeadOutOfTheDirectoryNorToAnotherFormat(String shard) throws IOException {
        Path outside = Files.createDirectory(directory.resolve("model"));
        writeShard("x.safetensors", "a");
        Files.createDirectory(outside.resolve("sub"));
        Files.write(outside.resolve("pytorch_model.bin"), new byte[] {(byte) 0x80, 2});
        Files.copy(directory.resolve("x.safetensors"), outside.resolve("sub/x.safetensors"));
        Files.writeString(outside.resolve(INDEX), "{\"weight_map\":{\"a\":\"%s\"}}".formatted(shard));
        assertThat(refusal(outside))
                .contains(INDEX, "weight_map names \"%s\" for a".formatted(shard), "of the same directory");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "null", "[\"x.safetensors\"]", "{}", "true"})
    void aShardsNameIsAString(String shard) throws IOException {
        writeIndex("{\"a\":%s}".formatted(shard));
        assertThat(refusal(directory)).contains(INDEX, "weight_map names %s for a".formatted(shard));
    }

    @Test
    void anAbsentShardIsNamed() throws IOException {
        writeShard(FIRST, "a");
        writeIndex("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(FIRST, SECOND));
        assertThat(refusal(directory)).contains(INDEX, SECOND, "does not exist", "download");
    }

    @Test
    void aDirectoryOfAShardsNameIsNoShard() throws IOException {
        Files.createDirectory(directory.resolve(FIRST));
        writeIndex("{\"a\":\"%s\"}".formatted(FIRST));
        assertThat(refusal(directory)).contains(FIRST, "a directory; a model's files are regular files");
    }

    @Test
    void aTensorInAnotherShardThanTheIndexSaysIsNamed() throws IOException {
        writeShard(FIRST, "a");
        writeShard(SECOND, "b");
        writeIndex("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(SECOND, SECOND));
        assertThat(refusal(directory)).contains(INDEX, "tensor a in " + SECOND, "download");
        writeIndex("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(SECOND, FIRST));
        assertThat(refusal(directory)).contains(INDEX, "tensor a in " + SECOND);
    }

    @Test
    void aTensorThatNoShardHasIsNamed() throws IOException {
        writeShard(FIRST, "a");
        writeIndex("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(FIRST, FIRST));
        assertThat(refusal(directory)).contains(INDEX, "tensor b in " + FIRST);
    }

    @Test
    void aTensorThatTheIndexLacksIsNamed() throws IOException {
        writeShard(FIRST, "a", "b");
        writeIndex("{\"a\":\"%s\"}".formatted(FIRST));
        assertThat(refusal(directory)).contains(INDEX, "does not name tensor b of " + FIRST, "download");
    }

    @Test
    void aTensorInTwoShardsIsNamed() throws IOException {
        writeShard(FIRST, "a", "b");
        writeShard(SECOND, "b", "c");
        writeIndex("{\"a\":\"%1$s\",\"b\":\"%2$s\",\"c\":\"%2$s\"}".formatted(FIRST, SECOND));
        assertThat(refusal(directory)).contains(SECOND, "tensor b is also in " + FIRST, "download");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\"weight_map\":null}", "{\"weight_map\":[]}", "{\"weight_map\":{}}"})
    void anIndexWithoutAWeightMapIsRefused(String index) throws IOException {
        Files.writeString(directory.resolve(INDEX), index);
        assertThat(refusal(directory)).contains(INDEX, "no weight_map");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{\"weight_map\"", "{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}"})
    void anIndexThatIsNotOneJsonObjectIsRefused(String index) throws IOException {
        Files.writeString(directory.resolve(INDEX), index);
        assertThat(refusal(directory)).containsPattern("index.json: (malformed JSON at line|expected a JSON object)");
    }

    @Test
    void anAbsentDirectoryIsNamed() throws IOException {
        Path absent = directory.resolve("absent");
        assertThat(refusal(absent)).contains(absent + ": no such directory", "config.json and safetensors");
        Path file = Files.createFile(directory.resolve("file"));
        assertThat(refusal(file)).contains(file + ": a file, and its name does not end with .gguf");
    }

    /// A directory stands in place of the pickle, because opening it would fail with another message.
    @Test
    void aPickleIsNeverOpened() throws IOException {
        Files.createDirectory(directory.resolve("pytorch_model.bin"));
        Files.writeString(
                directory.resolve("pytorch_model.bin.index.json"), "{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}");
        assertThat(refusal(directory)).contains("neither model.safetensors nor", "only safetensors are read");
    }

    @Test
    void aFailedOpeningLeavesNothingMapped() throws IOException {
        writeShard(FIRST, "a");
        Files.write(directory.resolve(SECOND), new byte[100]);
        writeIndex("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(FIRST, SECOND));
        assertThat(refusal(directory)).contains(SECOND);
        if (Files.exists(Path.of("/proc/self/maps"))) {
            assertThat(Files.readString(Path.of("/proc/self/maps"))).doesNotContain(directory.toString());
        }
    }

    private static String refusal(Path directory) {
        String message = Refusal.messageOf(() -> Checkpoint.open(directory).close());
        assertThat(message).startsWith(directory.toString());
        return message;
    }

    private void writeShard(String name, String... tensors) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        for (String tensor : tensors) {
            writer.add(tensor, DType.F32, List.of(2), SafetensorsWriter.floats(1, 2));
        }
        Files.write(directory.resolve(name), writer.bytes());
    }

    private void writeIndex(String weightMap) throws IOException {
        Files.writeString(directory.resolve(INDEX), "{\"weight_map\":%s}".formatted(weightMap));
    }
}
