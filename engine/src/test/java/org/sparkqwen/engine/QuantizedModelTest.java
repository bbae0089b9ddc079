package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.QuantizedGolden;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// A quantized model is the same model as one with the values of its weights: the same bits, however it is opened.
class QuantizedModelTest {
    private static final int[] TOKENS = {5, 20, 17, 42, 25, 3};

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.QuantizedGolden#NAMES")
    void aQuantizedModelHasTheBitsOfItsValues(String name) {
        List<Double> expected = logProbabilities(QuantizedGolden.plain(name, directory), null);
        assertThat(expected).hasSize(TOKENS.length);
        assertThat(expected.subList(1, expected.size())).allMatch(Double::isFinite);
        assertThat(logProbabilities(QuantizedGolden.model(name), null)).isEqualTo(expected);
    }

    @Test
    void aPackedQuantizedModelHasTheSameBits() throws PackingException {
        Path model = QuantizedGolden.model("packed-int4");
        List<Double> expected = logProbabilities(model, null);
        Path cache = directory.resolve("cache");
        assertThat(Packing.find(model, WeightEncoding.STORED, cache)).isEmpty();
        assertThat(logProbabilities(model, cache)).isEqualTo(expected); // packs
        assertThat(logProbabilities(model, cache)).isEqualTo(expected); // maps
        assertThat(Packing.intoCache(model, WeightEncoding.STORED, cache, new Unwatched())
                        .made())
                .isFalse();
        Path packed = directory.resolve("packed");
        assertThat(Packing.intoDirectory(model, WeightEncoding.STORED, packed, cache, new Unwatched())
                        .made())
                .isTrue();
        assertThat(Packing.intoDirectory(model, WeightEncoding.STORED, packed, cache, new Unwatched())
                        .made())
                .isFalse();
        assertThat(logProbabilities(packed, null)).isEqualTo(expected);
        assertThat(logProbabilities(packed, null, 0)).as("streamed").isEqualTo(expected);
        assertThat(ModelConfig.read(packed)).isEqualTo(ModelConfig.read(model));
    }

    /// FP8 with powers of two as scales stays in bfloat16. Of the 7,680 quantized numbers, each takes two bytes
    /// less.
    @Test
    void valuesThatAreBfloat16TakeHalfOfTheMemory() throws PackingException {
        Path cache = directory.resolve("cache");
        long halves = Packing.intoCache(
                        QuantizedGolden.model("fp8-powers"), WeightEncoding.STORED, cache, new Unwatched())
                .bytes();
        long floats = Packing.intoCache(QuantizedGolden.model("float8"), WeightEncoding.STORED, cache, new Unwatched())
                .bytes();
        assertThat(floats - halves).isGreaterThan(10_000); // each tensor begins at a multiple of 4096 bytes
    }

    /// The same files mean other values if config.json says so, and then the cache has another packed file.
    @Test
    void theQuantizationIsPartOfThePackedFilesIdentity() throws PackingException, IOException {
        Path model = QuantizedGolden.copy("gptq", Files.createDirectory(directory.resolve("model")))
                .directory();
        Path cache = directory.resolve("cache");
        Path packed = directory.resolve("packed");
        Packing.Packed first = Packing.intoCache(model, WeightEncoding.STORED, cache, new Unwatched());
        Packing.intoDirectory(model, WeightEncoding.STORED, packed, cache, new Unwatched());
        List<Double> before = logProbabilities(model, cache);
        String fingerprint = fingerprint(model);
        settings(model, Map.of("checkpoint_format", "\"gptq_v2\""));
        Packing.Packed second = Packing.intoCache(model, WeightEncoding.STORED, cache, new Unwatched());
        assertThat(second.made()).isTrue();
        assertThat(second.file()).isNotEqualTo(first.file());
        assertThat(logProbabilities(model, cache)).isNotEqualTo(before);
        assertThat(fingerprint(model)).isNotEqualTo(fingerprint);
        assertThatThrownBy(() -> Packing.intoDirectory(model, WeightEncoding.STORED, packed, cache, new Unwatched()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is packed from other weights");
    }

    @ParameterizedTest
    @ValueSource(strings = {"gptq", "gptq-order", "gptq-v2-int8", "awq", "packed-int4", "packed-int8", "float8-blocks"})
    void quantizedWeightsGiveNoWarning(String name) {
        assertThat(ModelWarnings.of(QuantizedGolden.model(name))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"int8", "fp8", "fp8-powers"})
    void quantizedActivationsGiveOneWarning(String name) {
        assertThat(ModelWarnings.of(QuantizedGolden.model(name)))
                .containsExactly(
                        "config.json: quantization_config asks for quantized activations; they stay in float32 here");
    }

    @Test
    void aQuantizedCacheAndUnknownKeysGiveAWarning() {
        assertThat(ModelWarnings.of(QuantizedGolden.model("float8")))
                .hasSize(2)
                .anyMatch(line -> line.contains("asks for a quantized KV cache; it stays as --kv says here"));
        Path model = QuantizedGolden.copy("awq", directory).directory();
        settings(model, Map.of("novelty", "7"));
        assertThat(ModelWarnings.of(model))
                .containsExactly("config.json: unknown keys of quantization_config are ignored: novelty");
    }

    /// Settings of config.json: the model, a setting, its value, and what the refusal says.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        gptq | quant_method | "bitsandbytes" | quant_method bitsandbytes is not supported; gptq, awq, compressed-tensors
        gptq | quant_method | "auto-round" | quant_method auto-round is not supported
        gptq | quant_method | "fbgemm_fp8" | take such a checkpoint, one in BF16, F16 or F32, or a GGUF file
        gptq | quant_method | null | quantization_config: quant_method must be a string, not null
        gptq | quant_method | ["gptq"] | quant_method must be a string
        gptq | bits | 3 | bits 3 is not supported; 4 and 8 are
        gptq | bits | 2 | bits 2 is not supported
        gptq | bits | null | bits must be a whole number from 1 to 32, not null
        gptq | bits | "4" | bits must be a whole number
        gptq | group_size | 0 | group_size must be -1, or a whole number from 1 on, not 0
        gptq | group_size | -2 | group_size must be a whole number from -1
        gptq | group_size | 1.5 | group_size must be a whole number
        gptq | group_size | null | group_size must be a whole number
        gptq | checkpoint_format | "marlin" | checkpoint_format marlin is not supported; gptq and gptq_v2 are
        gptq | is_marlin_format | true | is_marlin_format true is not supported
        gptq | pack_dtype | "int16" | pack_dtype int16 is not supported; int32 is
        gptq | dynamic | {"+:.*down.*":{"bits":8}} | the same settings for all quantized layers are
        awq | version | "gemv" | version gemv is not supported; gemm is
        awq | version | "marlin" | version marlin is not supported
        awq | bits | 8 | bits 8 is not supported; 4 are
        awq | zero_point | false | zero_point false is not supported; true is
        awq | backend | "llm-awq" | backend llm-awq is not supported
        fp8 | fmt | "e5m2" | fmt e5m2 is not supported; e4m3 is
        fp8 | weight_block_size | [128] | weight_block_size must be two whole numbers from 1 on, not [128]
        fp8 | weight_block_size | [128,0] | weight_block_size must be two whole numbers
        fp8 | weight_block_size | "128" | weight_block_size must be two whole numbers
        int8 | format | "marlin-24" | format marlin-24 is not supported; pack-quantized, int-quantized
        int8 | format | "nvfp4-pack-quantized" | format nvfp4-pack-quantized is not supported
        int8 | format | "mxfp4-pack-quantized" | format mxfp4-pack-quantized is not supported
        int8 | format | null | format must be a string
        int8 | quantization_status | "frozen" | quantization_status frozen is not supported; compressed is
        int8 | sparsity_config | {"format":"sparse-24-bitmask"} | sparsity_config
        int8 | transform_config | {"config_groups":{"u":{}}} | transform_config
        int8 | config_groups | {} | config_groups must be groups with weights
        int8 | config_groups | [] | config_groups must be an object
        int8 | config_groups | {"a":{"weights":{"num_bits":4}}} | num_bits 4 is not supported; 8 are, with this format
        int8 | config_groups | {"a":{"weights":{"num_bits":8,"type":"float"}}} | type float is not supported; int is
        int8 | config_groups | {"a":{"weights":{"num_bits":8,"dynamic":true}}} | dynamic true is not supported
        int8 | config_groups | {"a":{"weights":{"num_bits":8,"strategy":"token"}}} | strategy token is not supported
        int8 | config_groups | {"a":{"weights":{"num_bits":8,"strategy":"group"}}} | group_size must be a whole number
        """)
    void settingsThatAreNotSupportedAreRefusedByName(String name, String key, String value, String refusal) {
        Path model = QuantizedGolden.copy(name, directory).directory();
        settings(model, Map.of(key, value));
        assertThat(Refusal.messageOf(() -> ModelConfig.read(model)))
                .startsWith(model.resolve("config.json") + ": quantization_config: ")
                .contains(refusal);
        assertThat(Refusal.messageOf(() -> Packing.find(model, WeightEncoding.STORED, directory.resolve("cache"))))
                .contains(refusal);
    }

    @Test
    void quantizedWeightsWithoutADescriptionSayWhatIsMissing() {
        Path model = QuantizedGolden.copy("gptq", directory)
                .config(config -> config.remove("quantization_config"))
                .directory();
        assertThat(Refusal.messageOf(() -> logProbabilities(model, null)))
                .contains("dtype \"I32\"; BF16, F16 and F32 are supported", "a quantization_config in config.json");
    }

    @Test
    void namesWithoutPrefixAreThoseOfTheBareModel() {
        Path model = QuantizedGolden.copy("packed-int4-zeros", directory).directory();
        List<Double> expected = logProbabilities(model, null);
        new ModelCopy(model).renamed("model.safetensors", name -> name.replaceFirst("^model[.]", ""));
        assertThat(logProbabilities(model, null)).isEqualTo(expected);
    }

    /// The parts of a weight may lie in different files.
    @Test
    void partsOfAWeightMayLieInSeveralShards() throws IOException {
        Path model = QuantizedGolden.copy("gptq", directory).directory();
        List<Double> expected = logProbabilities(model, null);
        Map<String, SafetensorsWriter.Tensor> tensors = SafetensorsWriter.read(model.resolve("model.safetensors"));
        Files.delete(model.resolve("model.safetensors"));
        List<SafetensorsWriter> writers = List.of(new SafetensorsWriter(), new SafetensorsWriter());
        ObjectNode places = new ObjectMapper().createObjectNode();
        tensors.forEach((name, tensor) -> {
            int shard = name.endsWith(".scales") ? 1 : 0;
            writers.get(shard).add(name, tensor.dtype(), tensor.shape(), tensor.bytes());
            places.put(name, "model-%d.safetensors".formatted(shard));
        });
        Files.write(model.resolve("model-0.safetensors"), writers.get(0).bytes());
        Files.write(model.resolve("model-1.safetensors"), writers.get(1).bytes());
        Files.writeString(model.resolve("model.safetensors.index.json"), "{\"weight_map\": %s}".formatted(places));
        assertThat(logProbabilities(model, null)).isEqualTo(expected);
    }

    /// Biases of zeros that programs write for every quantized layer are left out, and others are not.
    @Test
    void aBiasThatTheModelDoesNotHaveIsRefusedUnlessItIsZero() {
        Path model = QuantizedGolden.copy("gptq-order", directory).directory();
        Path file = model.resolve("model.safetensors");
        SafetensorsWriter.overwrite(file, "model.layers.0.self_attn.o_proj.bias", 31, 0.5f);
        assertThat(Refusal.messageOf(() -> logProbabilities(model, null)))
                .contains("tensor model.layers.0.self_attn.o_proj.bias has no place in the model");
    }

    private static void settings(Path model, Map<String, String> values) {
        new ModelCopy(model).config(config -> {
            ObjectNode settings = (ObjectNode) config.get("quantization_config");
            new TreeMap<>(values).forEach((key, value) -> settings.set(key, Golden.parse(value)));
        });
    }

    private static String fingerprint(Path model) {
        try (WeightFiles weights = WeightFiles.open(model)) {
            return Fingerprint.of(weights, null);
        }
    }

    private static List<Double> logProbabilities(Path model, @Nullable Path cache) {
        return logProbabilities(model, cache, Long.MAX_VALUE);
    }

    /// @param memory bytes that weights may take
    private static List<Double> logProbabilities(Path model, @Nullable Path cache, long memory) {
        EngineOptions options = Golden.options(KernelChoice.VECTOR, 1, 64).withCache(cache);
        try (Engine engine = Engine.open(model, options, memory)) {
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
