package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.tokenizer.ChatTemplate;

/// Files of a model that are not regular files, or are larger than any such file, are refused before they are
/// opened or hashed. The message for a directory that is not a model says what it is.
class UntrustedFilesTest {
    private static final Path GOLDEN = Golden.DIRECTORY.resolve("models");
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    private Path directory = Path.of("");

    @BeforeEach
    void copy() {
        ModelCopy.of(GOLDEN.resolve("dense-untied-bf16-2shards"), directory);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "config.json",
                "generation_config.json",
                "tokenizer.json",
                "tokenizer_config.json",
                "chat_template.jinja",
                "model.safetensors.index.json",
                "model-00002-of-00002.safetensors"
            })
    void whatIsNoRegularFileIsRefused(String name) throws IOException, InterruptedException {
        Path file = directory.resolve(name);
        for (String kind : List.of("pipe", "device", "directory", "dangling link")) {
            Files.deleteIfExists(file);
            switch (kind) {
                case "pipe" ->
                    assertThat(new ProcessBuilder("mkfifo", file.toString())
                                    .start()
                                    .waitFor())
                            .isZero();
                case "device" -> Files.createSymbolicLink(file, Path.of("/dev/zero"));
                case "directory" -> Files.createDirectory(file);
                default -> Files.createSymbolicLink(file, directory.resolve("nowhere"));
            }
            assertThat(refusal()).as(kind).contains(name, "a model's files are regular files or links to such");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "config.json",
                "generation_config.json",
                "tokenizer.json",
                "tokenizer_config.json",
                "chat_template.jinja",
                "model.safetensors.index.json",
                "model-00002-of-00002.safetensors"
            })
    void aTerabyteThatTakesNoRoomIsRefusedBeforeItIsRead(String name) throws IOException {
        Path file = directory.resolve(name);
        try (RandomAccessFile large = new RandomAccessFile(file.toFile(), "rw")) {
            large.setLength(1L << 40);
        }
        assertThat(refusal()).contains(name).containsPattern("where such a file has at most|the tensors end at byte");
    }

    @Test
    void aLinkToAFileIsReadAsAFile() throws IOException {
        Path target = directory.resolve("blob");
        Files.move(directory.resolve("config.json"), target);
        Files.createSymbolicLink(directory.resolve("config.json"), target);
        open();
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        adapter_model.safetensors | an adapter (PEFT, LoRA), not a model; give its base model
        pytorch_model.bin | pickled weights, which can run code and are never opened; only safetensors are read
        pytorch_model-00001-of-00002.bin | pickled weights
        consolidated.00.pth | pickled weights
        tf_model.h5 | weights of another framework (tf_model.h5), which are not read
        model.onnx | weights of another framework (model.onnx)
        model-00001-of-00002.safetensors | shards of safetensors without config.json or model.safetensors.index.json
        0_Transformer | a sentence-transformers folder; its model is the directory 0_Transformer in it
        README.md | a model is a Hugging Face directory with config.json and safetensors, or a GGUF
        """)
    void whatADirectoryHoldsInsteadIsSaid(String name, String line, @TempDir Path other) throws IOException {
        Files.writeString(other.resolve(name), "anything");
        assertThat(Refusal.messageOf(() -> open(other)))
                .startsWith(other + ": ")
                .contains(line);
        Files.copy(directory.resolve("config.json"), other.resolve("config.json"));
        assertThat(Refusal.messageOf(() -> open(other)))
                .startsWith(other + ": ")
                .contains(line);
    }

    @Test
    void anAdapterNamesItsBaseModelAndACacheItsSnapshots(@TempDir Path adapter, @TempDir Path cache)
            throws IOException {
        Files.writeString(
                adapter.resolve("adapter_config.json"), "{\"base_model_name_or_path\": \"Qwen/Qwen3-0.6B\\u001b\"}");
        assertThat(Refusal.messageOf(() -> open(adapter)))
                .contains("give its base model (Qwen/Qwen3-0.6B\\u001b) as the model");
        Files.createDirectory(cache.resolve("snapshots"));
        Files.createDirectory(cache.resolve("blobs"));
        assertThat(Refusal.messageOf(() -> open(cache))).contains("a folder of the Hugging Face cache");
    }

    @Test
    void anAdapterBesideWeightsCausesAWarning() throws IOException {
        Files.writeString(directory.resolve("adapter_config.json"), "{}");
        assertThat(ModelWarnings.of(directory))
                .containsExactly("adapter_config.json: an adapter lies beside the weights; it is not applied");
    }

    @Test
    void aPointerOfGitLfsIsReported() throws IOException {
        Files.writeString(
                directory.resolve("model-00001-of-00002.safetensors"),
                "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1000\n");
        assertThat(refusal()).contains("a pointer of Git LFS instead of the file; git lfs pull fetches that");
    }

    private String refusal() {
        return assertTimeoutPreemptively(SOON, () -> Refusal.messageOf(this::open));
    }

    private void open() {
        open(directory);
    }

    /// Runs everything that reads files of a model.
    private static void open(Path model) {
        ModelConfig.read(model);
        try (WeightFiles weights = WeightFiles.open(model)) {
            Fingerprint.of(weights, null);
            ModelFiles.of(weights, null);
        }
        ChatTemplate.read(model);
        Engine.open(model, Golden.options(KernelChoice.SCALAR, 1, 64)).close();
    }
}
