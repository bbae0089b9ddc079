package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.CheckpointTensor;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.testing.GgufWriter;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// A model in GGUF is the same model as a Hugging Face directory with the same numbers: the same bits, the same
/// configuration, the same warnings. `golden/gguf/make.py` wrote `little.gguf` and `little`, and [GgufWriter] converts
/// the other golden models.
class GgufModelTest {
    private static final Path GGUF = Golden.DIRECTORY.resolve("gguf");
    private static final Path LITTLE = GGUF.resolve("little.gguf");
    private static final Path MODELS = Golden.DIRECTORY.resolve("models");
    private static final int[] TOKENS = {5, 200, 17, 42, 256, 3};

    @TempDir
    private Path directory = Path.of("");

    @Test
    void theSmallModelIsTheOneOfItsDirectory() {
        Path expected = GGUF.resolve("little");
        assertThat(logProbabilities(LITTLE, null)).isEqualTo(logProbabilities(expected, null));
        ModelConfig config = ModelConfig.read(LITTLE);
        ModelConfig stated = ModelConfig.read(expected);
        assertThat(config.rope()).isEqualTo(stated.rope());
        assertThat(config.attention()).isEqualTo(stated.attention());
        assertThat(config.vocabSize()).isEqualTo(stated.vocabSize());
        assertThat(config.rmsNormEpsilon()).isEqualTo(stated.rmsNormEpsilon());
        assertThat(config.maxPositions()).isEqualTo(stated.maxPositions());
        assertThat(config.eosTokenIds()).isEqualTo(stated.eosTokenIds());
        assertThat(config.endOfDocument()).isEqualTo(stated.endOfDocument());
        assertThat(config.bosTokenId()).isEqualTo(stated.bosTokenId());
        assertThat(ModelWarnings.of(LITTLE)).isEmpty();
    }

    /// The models have F32, F16 and BF16, YaRN, experts, biases, heads of their own, and odd sizes.
    @ParameterizedTest
    @ValueSource(
            strings = {
                "dense-tied-f32",
                "dense-untied-bf16-2shards",
                "dense-odd-f16",
                "dense-yarn",
                "moe-norm",
                "qwen2-bias"
            })
    void aConvertedModelHasTheSameBits(String name) {
        Path model = MODELS.resolve(name);
        Path gguf = GgufWriter.of(model).write(directory.resolve(name + ".gguf"));
        List<Double> expected = logProbabilities(model, null);
        assertThat(logProbabilities(gguf, null)).isEqualTo(expected);
        assertThat(logProbabilities(directory, null)).isEqualTo(expected);
        assertThat(ModelWarnings.of(gguf)).isEmpty();
    }

    /// A mixture whose shares are not normalized has a key that says so.
    @Test
    void sharesOfExpertsAreNormalizedUnlessTheFileSaysOtherwise() {
        GgufWriter writer = GgufWriter.of(MODELS.resolve("moe-norm"));
        Path gguf = writer.write(directory.resolve("model.gguf"));
        assertThat(ModelConfig.read(gguf).mixture().orElseThrow().normalised()).isTrue();
        writer.put("qwen3moe.expert_weights_norm", false).write(gguf);
        assertThat(ModelConfig.read(gguf).mixture().orElseThrow().normalised()).isFalse();
    }

    /// Random blocks of every scheme give the bits of the float32 numbers to which they decode.
    @ParameterizedTest
    @CsvSource({"Q4_0, 2, 18, 32", "Q8_0, 8, 34, 32", "Q4_K, 12, 144, 256", "Q5_K, 13, 176, 256", "Q6_K, 14, 210, 256"})
    void blocksHaveTheBitsOfTheirNumbers(DType type, int id, int blockBytes, int numbers) throws PackingException {
        Path blocks = quantized(type, id, blockBytes, numbers).write(directory.resolve("blocks.gguf"));
        Path floats = directory.resolve("floats.gguf");
        GgufWriter writer = header();
        try (Checkpoint checkpoint = Checkpoint.open(blocks)) {
            assertThat(checkpoint.numberFormats()).contains(type.name());
            for (GgufWriter.Tensor tensor :
                    quantized(type, id, blockBytes, numbers).tensors()) {
                CheckpointTensor view =
                        checkpoint.find(transformersName(tensor.name())).orElseThrow();
                float[] values = new float[(int) view.elements()];
                view.read(0, values);
                writer.add(tensor.name(), GgufWriter.F32, tensor.shape(), SafetensorsWriter.floats(values));
            }
        }
        writer.write(floats);
        List<Double> expected = logProbabilities(floats, null);
        assertThat(logProbabilities(blocks, null)).isEqualTo(expected);
        assertThat(expected.subList(1, expected.size())).allMatch(Double::isFinite);
        Path cache = directory.resolve("cache");
        assertThat(logProbabilities(blocks, cache)).isEqualTo(expected); // packs
        assertThat(logProbabilities(blocks, cache)).isEqualTo(expected); // maps
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(blocks, WeightEncoding.STORED, packed, cache, new Unwatched());
        assertThat(logProbabilities(packed, null)).isEqualTo(expected);
        String form = type == DType.Q4_0 ? "PANELS_INT4_KEPT" : "PANELS_F32";
        try (PackedFile file = PackedFile.open(packed.resolve(PackedFile.NAME))) {
            assertThat(file.tensors())
                    .filteredOn(tensor -> tensor.name().endsWith("_proj.weight"))
                    .hasSize(7)
                    .allSatisfy(tensor -> assertThat(tensor.form()).hasToString(form));
            assertThat(file.layout().find("lm_head.weight").orElseThrow().form())
                    .hasToString("PANELS_F32");
        }
    }

    @Test
    void aBlockWithoutAFiniteScaleIsNamed() {
        GgufWriter writer = quantized(DType.Q4_0, 2, 18, 32);
        GgufWriter.Tensor down = writer.tensors().stream()
                .filter(tensor -> tensor.name().equals("blk.0.ffn_down.weight"))
                .findFirst()
                .orElseThrow();
        down.bytes()[18 * 9 + 1] = 0x7c; // infinity, or not a number
        assertThat(refusal(writer.write(directory.resolve("model.gguf"))))
                .contains("tensor model.layers.0.mlp.down_proj.weight cannot be packed as PANELS_INT4_KEPT")
                .contains(": its scale for output 1 and input 32 is NaN");
    }

    private static String transformersName(String name) {
        return switch (name) {
            case "token_embd.weight" -> "model.embed_tokens.weight";
            case "output_norm.weight" -> "model.norm.weight";
            case "output.weight" -> "lm_head.weight";
            case "blk.0.attn_norm.weight" -> "model.layers.0.input_layernorm.weight";
            case "blk.0.ffn_norm.weight" -> "model.layers.0.post_attention_layernorm.weight";
            case "blk.0.attn_output.weight" -> "model.layers.0.self_attn.o_proj.weight";
            default ->
                name.replaceFirst("^blk", "model.layers")
                        .replaceFirst("ffn_(gate|up|down)", "mlp.$1_proj")
                        .replaceFirst("attn_([qkv])_norm", "self_attn.$1_norm")
                        .replaceFirst("attn_([qkv])[.]", "self_attn.$1_proj.");
        };
    }

    private static GgufWriter header() {
        return new GgufWriter()
                .put("general.architecture", "qwen3")
                .put("qwen3.block_count", 1)
                .put("qwen3.context_length", 64)
                .put("qwen3.embedding_length", 256)
                .put("qwen3.feed_forward_length", 256)
                .put("qwen3.attention.head_count", 4)
                .put("qwen3.attention.head_count_kv", 2)
                .put("qwen3.attention.key_length", 64)
                .put("qwen3.attention.layer_norm_rms_epsilon", 1e-6f)
                .put("qwen3.rope.freq_base", 1e6f);
    }

    /// A model with matrices of random blocks, whose scales are small.
    private static GgufWriter quantized(DType type, int id, int blockBytes, int numbers) {
        GgufWriter writer = header();
        Random random = new Random(23);
        Map<String, Integer> rows = Map.of(
                "token_embd", 300,
                "output", 300,
                "blk.0.attn_q", 256,
                "blk.0.attn_k", 128,
                "blk.0.attn_v", 128,
                "blk.0.attn_output", 256,
                "blk.0.ffn_gate", 256,
                "blk.0.ffn_up", 256,
                "blk.0.ffn_down", 256);
        new TreeMap<>(rows).forEach((name, count) -> {
            byte[] bytes = blocks(type, blockBytes, count * 256 / numbers, random);
            writer.add(name + ".weight", id, List.of(count, 256), bytes);
        });
        Map<String, Integer> norms = Map.of(
                "output_norm", 256,
                "blk.0.attn_norm", 256,
                "blk.0.ffn_norm", 256,
                "blk.0.attn_q_norm", 64,
                "blk.0.attn_k_norm", 64);
        new TreeMap<>(norms).forEach((name, width) -> {
            float[] ones = new float[width];
            Arrays.fill(ones, 1);
            writer.add(name + ".weight", GgufWriter.F32, List.of(width), SafetensorsWriter.floats(ones));
        });
        return writer;
    }

    private static byte[] blocks(DType type, int blockBytes, int count, Random random) {
        byte[] bytes = new byte[count * blockBytes];
        random.nextBytes(bytes);
        for (int at = 0; at < bytes.length; at += blockBytes) {
            int scale = type == DType.Q6_K ? at + 208 : at;
            bytes[scale + 1] = (byte) (at % 3 == 0 ? 0x10 : 0x90); // 2^-11 and -2^-11, in the high byte of a float16
            if (type == DType.Q4_K || type == DType.Q5_K) {
                bytes[scale + 3] = 0x10;
            }
        }
        return bytes;
    }

    @Test
    void aSplitModelIsReadFromAllOfItsParts() throws IOException {
        Path model = MODELS.resolve("dense-untied-bf16-2shards");
        Path first = directory.resolve("model-00001-of-00003.gguf");
        writeSplit(model);
        List<Double> expected = logProbabilities(model, null);
        assertThat(logProbabilities(first, null)).isEqualTo(expected);
        assertThat(logProbabilities(directory, null)).isEqualTo(expected);
        try (WeightFiles weights = WeightFiles.open(directory)) {
            assertThat(weights.files()).hasSize(3);
        }
        assertThat(refusal(directory.resolve("model-00002-of-00003.gguf")))
                .contains("is a part of a split model; name the first part, model-00001-of-00003.gguf");
        Files.move(directory.resolve("model-00003-of-00003.gguf"), directory.resolve("model-00003-of-00003"));
        assertThat(refusal(directory)).contains("model-00003-of-00003.gguf: no such file; a split model needs all");
        Files.copy(directory.resolve("model-00002-of-00003.gguf"), directory.resolve("model-00003-of-00003.gguf"));
        assertThat(refusal(first)).contains("split.no 1 is not supported; the name says that it is 2");
        Files.delete(first);
        assertThat(refusal(directory)).contains("model-00002-of-00003.gguf is a part of a split model");
    }

    @Test
    void aPartUnderAnotherNameIsRefused() throws IOException {
        writeSplit(MODELS.resolve("dense-untied-bf16-2shards"));
        Path renamed = Files.move(directory.resolve("model-00001-of-00003.gguf"), directory.resolve("model.gguf"));
        assertThat(refusal(renamed)).contains("split.count 3 is not supported; the name says 1");
    }

    private void writeSplit(Path model) {
        GgufWriter whole = GgufWriter.of(model);
        for (int part = 0; part < 3; part++) {
            GgufWriter writer = part == 0 ? GgufWriter.of(model) : new GgufWriter();
            writer.put("split.no", part).put("split.count", 3).tensors().clear();
            for (int i = part; i < whole.tensors().size(); i += 3) {
                writer.tensors().add(whole.tensors().get(i));
            }
            writer.write(directory.resolve("model-0000%d-of-00003.gguf".formatted(part + 1)));
        }
    }

    @Test
    void severalModelsInADirectoryAreListed() throws IOException {
        Files.copy(LITTLE, directory.resolve("model-Q8_0.gguf"));
        Files.copy(LITTLE, directory.resolve("model-F16.gguf"));
        assertThat(refusal(directory))
                .isEqualTo(directory + ": holds 2 GGUF models: model-F16.gguf, model-Q8_0.gguf; name one of these files"
                        + " instead of the directory");
        assertThat(logProbabilities(directory.resolve("model-F16.gguf"), null))
                .isEqualTo(logProbabilities(LITTLE, null));
    }

    /// Safetensors go before a GGUF file that nobody names.
    @Test
    void aGgufBesideSafetensorsCountsIfItIsNamed() throws IOException {
        ModelCopy.of(MODELS.resolve("dense-tied-f32"), directory);
        Path gguf = Files.copy(LITTLE, directory.resolve("little.gguf"));
        assertThat(logProbabilities(directory, null))
                .isEqualTo(logProbabilities(MODELS.resolve("dense-tied-f32"), null));
        Files.delete(directory.resolve("generation_config.json"));
        assertThat(logProbabilities(gguf, null)).isEqualTo(logProbabilities(LITTLE, null));
    }

    /// The directory's config.json is that of whatever lies there. What a generation_config.json says has no place
    /// in the metadata.
    @Test
    void besideAGgufTheConfigDoesNotCountAndTheSettingsOfGenerationDo() throws IOException {
        Path gguf = Files.copy(LITTLE, directory.resolve("little.gguf"));
        Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"llama\"}");
        String before = fingerprint(gguf);
        Files.writeString(directory.resolve("config.json"), "{\"model_type\": \"bert\"}");
        assertThat(fingerprint(directory)).isEqualTo(before);
        assertThat(ModelConfig.read(directory).eosTokenIds()).containsExactly(275, 273);
        Files.writeString(directory.resolve("generation_config.json"), "{\"eos_token_id\": 7, \"top_k\": 5}");
        assertThat(ModelConfig.read(gguf).eosTokenIds()).containsExactly(7);
        assertThat(ModelConfig.read(gguf).generationDefaults().topK()).isEqualTo(5);
        assertThat(fingerprint(gguf)).isNotEqualTo(before);
    }

    @Test
    void aPackedGgufIsADirectoryOfItsOwn() throws PackingException, IOException {
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(LITTLE, WeightEncoding.STORED, packed, directory.resolve("cache"), new Unwatched());
        try (var files = Files.list(packed)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "config.json", "merges.txt", "tokenizer_config.json", "vocab.json", "weights.packed");
        }
        assertThat(logProbabilities(packed, null)).isEqualTo(logProbabilities(LITTLE, null));
        assertThat(ModelWarnings.of(packed)).isEmpty();
        assertThat(ModelConfig.read(packed)).isEqualTo(ModelConfig.read(LITTLE));
    }

    @Test
    void aMissingTensorAndASurplusOneAreNamed() {
        GgufWriter writer = GgufWriter.of(MODELS.resolve("dense-tied-f32"));
        writer.tensors().removeIf(tensor -> tensor.name().equals("blk.1.ffn_up.weight"));
        writer.add("blk.1.attn_q.bias", GgufWriter.F32, List.of(4), new byte[16]);
        assertThat(refusal(writer.write(directory.resolve("model.gguf"))))
                .contains(
                        "tensor model.layers.1.mlp.up_proj.weight is missing",
                        "tensor model.layers.1.self_attn.q_proj.bias has no place in the model");
    }

    @Test
    void anAbsentFileAndAStrangeNameAreNamed() throws IOException {
        assertThat(refusal(directory.resolve("absent.gguf"))).contains("absent.gguf: no such file");
        Path strange = Files.copy(LITTLE, directory.resolve("my model (1).gguf"));
        assertThat(refusal(strange))
                .contains("the name my model (1).gguf has other characters than letters, digits, dots, - and _");
        Path pipe = Files.createSymbolicLink(directory.resolve("device.gguf"), Path.of("/dev/zero"));
        assertThat(refusal(pipe)).contains("a pipe, a device or a socket; a model's files are regular files");
    }

    private static String fingerprint(Path model) {
        try (WeightFiles weights = WeightFiles.open(model)) {
            return Fingerprint.of(weights, null);
        }
    }

    private static String refusal(Path model) {
        return Refusal.messageOf(() -> logProbabilities(model, null));
    }

    private static List<Double> logProbabilities(Path model, @Nullable Path cache) {
        try (Engine engine =
                Engine.open(model, Golden.options(KernelChoice.VECTOR, 1, 64).withCache(cache))) {
            List<Double> all = new ArrayList<>();
            for (double each : Golden.scored(engine, TOKENS, Golden.unprefixed(64, 64))
                    .score()
                    .tokenLogProbabilities()) {
                all.add(each);
            }
            return all;
        }
    }
}
