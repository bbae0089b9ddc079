package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.CheckpointTensor;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.TensorNames;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// A LoRA adapter is merged as PEFT merges it, and an adapter that does not fit is refused by name.
class AdapterTest {
    private static final Path GOLDEN = Golden.DIRECTORY.resolve("adapter");
    private static final Path BASE = GOLDEN.resolve("base");
    private static final Path ADAPTER = GOLDEN.resolve("adapter");
    private static final String QUERY = "model.layers.0.self_attn.q_proj";

    @TempDir
    private Path directory;

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#choices")
    void logProbabilitiesAreThoseOfPeft(KernelChoice kernels) {
        assertGolden(GOLDEN, Golden.options(kernels, 2, 64));
    }

    @Test
    void ofARankStabilizedAdapterToo() {
        Path golden = Path.of("../../shared/golden/selecting/adapter-rs");
        assumeTrue(Files.isDirectory(golden), golden + " is not there");
        assertGolden(golden, Golden.options(KernelChoice.AUTO, 2, 64));
    }

    private static void assertGolden(Path golden, EngineOptions options) {
        JsonNode sequences = Golden.read(golden.resolve("golden.json")).get("sequences");
        assertThat(sequences).hasSize(3);
        for (boolean merged : new boolean[] {false, true}) {
            try (Engine engine = Engine.open(
                    golden.resolve("base"), options.withAdapter(merged ? golden.resolve("adapter") : null))) {
                for (JsonNode sequence : sequences) {
                    double[] expected = Golden.doubles(sequence.get(merged ? "merged_logprobs" : "base_logprobs"));
                    double[] ours = logProbabilities(engine, Golden.ints(sequence.get("ids")));
                    for (int i = 0; i < expected.length; i++) {
                        assertThat(ours[i + 1]).isCloseTo(expected[i], within(Golden.NLL_TOLERANCE));
                    }
                }
            }
        }
    }

    private static double[] logProbabilities(Engine engine, int[] ids) {
        return Golden.scored(engine, ids, Golden.unprefixed(1024, 1024)).score().tokenLogProbabilities();
    }

    @ParameterizedTest
    @EnumSource(WeightEncoding.class)
    void packedIntoADirectoryItGivesTheSameBitsAndSaysWhatItWasMergedWith(WeightEncoding encoding) throws IOException {
        int[] ids = Golden.ints(Golden.read(GOLDEN.resolve("golden.json"))
                .get("sequences")
                .get(1)
                .get("ids"));
        EngineOptions options = Golden.options(KernelChoice.AUTO, 2, 64).withWeights(encoding);
        Path cache = directory.resolve("cache");
        Path output = directory.resolve("packed");
        Packing.Packed packed = Packing.intoDirectory(BASE, ADAPTER, encoding, output, cache, new Unwatched());
        try (Engine inMemory = Engine.open(BASE, options.withAdapter(ADAPTER));
                Engine ofDirectory = Engine.open(output, options);
                Engine ofCache = Engine.open(BASE, options.withAdapter(ADAPTER).withCache(cache))) {
            double[] expected = logProbabilities(inMemory, ids);
            assertThat(logProbabilities(ofDirectory, ids)).containsExactly(expected);
            assertThat(logProbabilities(ofCache, ids)).containsExactly(expected);
        }
        try (PackedFile file = PackedFile.open(packed.file())) {
            assertThat(file.adapter()).contains(new AdapterFiles(ADAPTER).sha256(null));
        }
        assertThat(Packing.intoDirectory(BASE, ADAPTER, encoding, output, cache, new Unwatched())
                        .made())
                .isFalse();
        assertThatThrownBy(() -> Packing.intoDirectory(BASE, encoding, output, cache, new Unwatched()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("with another adapter");
    }

    @Test
    void aModelAndTheSameModelWithAnAdapterAreTwoInTheCache() throws IOException {
        Path cache = directory.resolve("cache");
        Packing.Packed base = Packing.intoCache(BASE, WeightEncoding.STORED, cache, new Unwatched());
        assertThat(Packing.find(BASE, ADAPTER, WeightEncoding.STORED, cache)).isEmpty();
        Packing.Packed merged = Packing.intoCache(BASE, ADAPTER, WeightEncoding.STORED, cache, new Unwatched());
        assertThat(merged.file()).isNotEqualTo(base.file());
        assertThat(Packing.find(BASE, ADAPTER, WeightEncoding.STORED, cache))
                .map(Packing.Packed::file)
                .contains(merged.file());
        assertThat(Packing.intoCache(BASE, ADAPTER, WeightEncoding.STORED, cache, new Unwatched())
                        .made())
                .isFalse();
        try (PackedFile file = PackedFile.open(base.file())) {
            assertThat(file.adapter()).isEmpty();
        }
    }

    /// The sum runs over the rank in its order, in float32.
    @ParameterizedTest
    @CsvSource({"false, 2", "true, 5.656854"}) // 16 / 8, and 16 / √8
    void everyNumberIsTheBasesAndTheScaledProduct(boolean rankStabilized, float scale) {
        Path adapter = edited(config -> config.put("use_rslora", rankStabilized));
        String name = QUERY + ".weight";
        float[] a = floats(adapter, "base_model.model." + QUERY + ".lora_A.weight");
        float[] b = floats(adapter, "base_model.model." + QUERY + ".lora_B.weight");
        try (Checkpoint plain = Checkpoint.open(BASE);
                Checkpoint merged = Checkpoint.open(BASE, TensorNames.AS_STORED, adapter)) {
            CheckpointTensor base = plain.find(name).orElseThrow();
            float[] before = read(base);
            float[] after = read(merged.find(name).orElseThrow());
            int inputs = base.shape().getLast();
            int rank = 8;
            for (int i = 0; i < before.length; i++) {
                float sum = 0;
                for (int k = 0; k < rank; k++) {
                    sum += b[i / inputs * rank + k] * a[k * inputs + i % inputs];
                }
                assertThat(after[i]).isCloseTo(before[i] + scale * sum, within(1e-6f));
            }
            assertThat(read(merged.find("model.norm.weight").orElseThrow()))
                    .containsExactly(read(plain.find("model.norm.weight").orElseThrow()));
        }
    }

    private static float[] read(CheckpointTensor tensor) {
        float[] numbers = new float[(int) tensor.elements()];
        tensor.read(0, numbers);
        return numbers;
    }

    private static float[] floats(Path adapter, String tensor) {
        byte[] bytes = Objects.requireNonNull(SafetensorsWriter.read(adapter.resolve("adapter_model.safetensors"))
                        .get(tensor))
                .bytes();
        float[] floats = new float[bytes.length / 4];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
        return floats;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"all-linear\"",
                "\".*_proj\"",
                "\"(?:model\\\\.layers\\\\.\\\\d+\\\\.(?:mlp|self_attn)\\\\.\\\\w+)\"",
                "[\"self_attn.q_proj\", \"k_proj\", \"v_proj\", \"o_proj\", \"gate_proj\", \"up_proj\", \"down_proj\"]"
            })
    void targetModulesMayBeNamedInEachWay(String targets) {
        Path adapter = edited(config -> config.set("target_modules", Golden.parse(targets)));
        assertThat(changedTensors(adapter)).isEqualTo(21);
    }

    private static long changedTensors(Path adapter) {
        try (Checkpoint plain = Checkpoint.open(BASE);
                Checkpoint merged = Checkpoint.open(BASE, TensorNames.AS_STORED, adapter)) {
            return plain.tensors().stream()
                    .filter(tensor -> !Arrays.equals(
                            read(tensor), read(merged.find(tensor.name()).orElseThrow())))
                    .count();
        }
    }

    /// A pattern of ranks counts from the beginning or a dot of a name on, and has its own scale.
    @Test
    void patternsGiveModulesOtherScales() {
        String tensor = QUERY + ".weight";
        Path other = edited(config -> {
            config.putObject("rank_pattern").put("q_proj", 8);
            config.putObject("alpha_pattern")
                    .put("^model.layers.0.self_attn.q_proj", 32)
                    .put("_proj", 1);
        });
        try (Checkpoint plain = Checkpoint.open(BASE);
                Checkpoint once = Checkpoint.open(BASE, TensorNames.AS_STORED, ADAPTER);
                Checkpoint twice = Checkpoint.open(BASE, TensorNames.AS_STORED, other)) {
            float before = read(plain.find(tensor).orElseThrow())[5];
            float one = read(once.find(tensor).orElseThrow())[5] - before;
            assertThat(read(twice.find(tensor).orElseThrow())[5] - before).isCloseTo(2 * one, within(1e-6f));
            String key = "model.layers.0.self_attn.k_proj.weight"; // no pattern fits: _proj is no whole word
            assertThat(read(twice.find(key).orElseThrow()))
                    .containsExactly(read(once.find(key).orElseThrow()));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "peft_type | \"IA3\" | peft_type IA3 is not supported; only LORA is merged",
                "use_dora | true | use_dora true is not supported",
                "bias | \"all\" | bias all is not supported",
                "modules_to_save | [\"lm_head\"] | modules_to_save",
                "layers_to_transform | [0, 1] | layers_to_transform",
                "exclude_modules | [\"q_proj\"] | exclude_modules",
                "trainable_token_indices | [1] | trainable_token_indices",
                "target_parameters | [\"mlp.experts.gate_up_proj\"] | target_parameters",
                "layer_replication | [[0, 2]] | layer_replication",
                "fan_in_fan_out | true | fan_in_fan_out",
                "lora_bias | true | lora_bias",
                "use_qalora | true | use_qalora",
                "init_lora_weights | \"pissa\" | init_lora_weights pissa is not supported; it changes the base",
                "a_later_key | 3 | a_later_key 3 is not supported",
                "r | 0 | r must be a whole number",
                "r | 4 | has shape [8, 208]; the base model and the rank need [4, 208]",
                "lora_alpha | \"much\" | lora_alpha must be a number",
                "target_modules | null | target_modules names no modules",
                "target_modules | [] | target_modules names no modules",
                "target_modules | \"(\" | no regular expression",
                "target_modules | \"(.*)*(.*)*(.*)*x\" | takes too long to match",
                "target_modules | [\"q_proj\"] | which target_modules of its settings does not name",
                "rank_pattern | {\"q_proj\": 4} | has shape [8, 96]",
                "rank_pattern | {\"(\": 4} | rank_pattern has no regular expression"
            })
    void settingsThatAreNotMergedAreRefusedByName(String key, String value, String message) {
        Path adapter = edited(config -> config.set(key, Golden.parse(value)));
        assertThat(refusal(adapter)).contains(message).contains(adapter.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "q_proj.lora_A.weight | q_proj.lora_A.default.weight | is neither A nor B of a matrix",
                "q_proj.lora_B.weight | q_proj.lora_magnitude_vector | is neither A nor B of a matrix",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight |"
                        + " base_model.model.lm_head.lora_A.weight | changes lm_head; the embedding and the head of a"
                        + " model stay as they are",
                "layers.2.self_attn.q_proj | layers.3.self_attn.q_proj"
                        + " | changes model.layers.3.self_attn.q_proj, which the base model does not have",
                "layers.2.self_attn.q_proj | layers.2.self_attn.q_norm | which the base model does not have",
                "layers.2.self_attn.q_proj.lora_A | layers.2.self_attn.k_proj.lora_C | is neither A nor B"
            })
    void tensorsThatAreNoPartAreRefused(String from, String to, String message) {
        Path adapter = edited(_ -> {});
        new ModelCopy(adapter).renamed("adapter_model.safetensors", name -> name.replace(from, to));
        assertThat(refusal(adapter)).contains(message);
    }

    @Test
    void missingTensorsAreRefused() {
        Path adapter = edited(_ -> {});
        Path file = adapter.resolve("adapter_model.safetensors");
        SafetensorsWriter.rewrite(file, tensors -> tensors.remove("base_model.model." + QUERY + ".lora_B.weight"));
        assertThat(refusal(adapter)).contains("has only A of " + QUERY);
        SafetensorsWriter.rewrite(file, tensors -> tensors.remove("base_model.model." + QUERY + ".lora_A.weight"));
        assertThat(refusal(adapter)).contains("has no tensors of " + QUERY + ", which target_modules");
        SafetensorsWriter.rewrite(file, tensors -> tensors.clear());
        assertThat(refusal(adapter)).contains("has no tensors");
    }

    @Test
    void numbersThatAreNotFiniteAreRefused() {
        Path adapter = edited(_ -> {});
        String tensor = "base_model.model." + QUERY + ".lora_A.weight";
        SafetensorsWriter.overwrite(adapter.resolve("adapter_model.safetensors"), tensor, 3, Float.NaN);
        assertThat(refusal(adapter)).contains("add to output 0, input 3 is NaN");
    }

    @Test
    void directoriesThatAreNoAdaptersAreRefused() throws IOException {
        assertThat(refusal(BASE)).contains("not an adapter of PEFT: there is no adapter_config.json");
        Path pickled = Files.createDirectories(directory.resolve("pickled"));
        Files.copy(ADAPTER.resolve("adapter_config.json"), pickled.resolve("adapter_config.json"));
        Files.createFile(pickled.resolve("adapter_model.bin"));
        assertThat(refusal(pickled)).contains("pickled weights, which are never opened");
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(BASE, WeightEncoding.STORED, packed, directory.resolve("cache"), new Unwatched());
        assertThat(Refusal.messageOf(() -> open(packed, ADAPTER)))
                .contains("is packed, so no adapter can be merged into it");
    }

    /// A model for embeddings has names without `model.`, and its adapters have, too.
    @Test
    void anAdapterOfTheBareModelFitsToo() {
        Path adapter = edited(_ -> {});
        new ModelCopy(adapter)
                .renamed("adapter_model.safetensors", name -> name.replace("model.model.layers", "model.layers"));
        int[] ids = {1, 2, 3, 4};
        try (Engine whole = open(BASE, ADAPTER);
                Engine bare = open(BASE, adapter)) {
            assertThat(logProbabilities(bare, ids)).containsExactly(logProbabilities(whole, ids));
        }
    }

    private static Engine open(Path model, @Nullable Path adapter) {
        return Engine.open(model, Golden.options(KernelChoice.AUTO, 2, 64).withAdapter(adapter));
    }

    private static String refusal(Path adapter) {
        return Refusal.messageOf(() -> open(BASE, adapter).close());
    }

    /// A copy of the adapter with other settings.
    private Path edited(Consumer<ObjectNode> edit) {
        try {
            Path copy = Files.createDirectories(directory.resolve("adapter"));
            ModelCopy.of(ADAPTER, copy).json("adapter_config.json", edit);
            return copy;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
