package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.CheckpointTensor;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.testing.GgufWriter;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// An adapter is merged into a base of any form: the bits are those of a float32 model with the merged numbers.
class AdapterBasesTest {
    private static final int RANK = 2;
    private static final float SCALE = 2;
    private static final List<String> TARGETS = List.of("q_proj", "down_proj");
    private static final int[] TOKENS = {5, 20, 17, 42, 25, 3, 5};

    @TempDir
    private Path directory = Path.of("");

    /// In a quantized base, the matrices that are not changed keep their integers.
    @ParameterizedTest
    @ValueSource(
            strings = {
                "models/qwen2-bias",
                "models/moe-norm",
                "quantized/gptq",
                "quantized/packed-int4",
                "quantized/fp8",
                "gguf/little.gguf",
                "models/moe-norm.gguf"
            })
    void aMergedModelHasTheBitsOfItsNumbers(String name) throws IOException {
        Path folder = Golden.DIRECTORY.resolve(name.replace(".gguf", ""));
        Path base = Golden.DIRECTORY.resolve(name);
        if (!Files.exists(base)) {
            base = GgufWriter.of(folder).write(directory.resolve("model.gguf"));
        }
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        Path merged = Files.createDirectory(directory.resolve("merged"));
        write(base, adapter, merged);
        ObjectNode config = (ObjectNode) Golden.read(folder.resolve("config.json"));
        config.remove("quantization_config");
        Files.writeString(merged.resolve("config.json"), config.toString());

        double[] expected = logProbabilities(merged, null);
        assertThat(expected).isNotEqualTo(logProbabilities(base, null));
        Path cache = directory.resolve("cache");
        assertThat(logProbabilities(base, adapter)).containsExactly(expected); // packs
        assertThat(Packing.intoCache(base, adapter, WeightEncoding.STORED, cache, new Unwatched())
                        .made())
                .isFalse();
        assertThat(logProbabilities(base, adapter)).containsExactly(expected); // maps
    }

    /// Writes an adapter of random numbers, and the base's tensors in float32 with the adapter merged into them.
    private static void write(Path base, Path adapter, Path merged) throws IOException {
        Random random = new Random(1);
        SafetensorsWriter ofAdapter = new SafetensorsWriter();
        SafetensorsWriter ofMerged = new SafetensorsWriter();
        try (Checkpoint plain =
                Checkpoint.open(base, ModelConfig.read(base).family().names())) {
            for (CheckpointTensor tensor : plain.tensors()) {
                float[] numbers = new float[(int) tensor.elements()];
                tensor.read(0, numbers);
                if (TARGETS.stream().anyMatch(target -> tensor.name().endsWith(target + ".weight"))) {
                    String module = "base_model.model." + tensor.name().replace(".weight", "");
                    int outputs = tensor.shape().getFirst();
                    int inputs = tensor.shape().getLast();
                    float[] a = random(random, RANK * inputs);
                    float[] b = random(random, outputs * RANK);
                    ofAdapter.add(
                            module + ".lora_A.weight", DType.F32, List.of(RANK, inputs), SafetensorsWriter.floats(a));
                    ofAdapter.add(
                            module + ".lora_B.weight", DType.F32, List.of(outputs, RANK), SafetensorsWriter.floats(b));
                    for (int i = 0; i < numbers.length; i++) {
                        float sum = 0;
                        for (int k = 0; k < RANK; k++) {
                            sum += b[i / inputs * RANK + k] * a[k * inputs + i % inputs];
                        }
                        numbers[i] += SCALE * sum;
                    }
                }
                ofMerged.add(
                        tensor.name(), DType.F32, new ArrayList<>(tensor.shape()), SafetensorsWriter.floats(numbers));
            }
        }
        Files.write(adapter.resolve("adapter_model.safetensors"), ofAdapter.bytes());
        Files.writeString(adapter.resolve("adapter_config.json"), """
            {"peft_type": "LORA", "r": %d, "lora_alpha": %f, "target_modules": ["q_proj", "down_proj"]}
            """.formatted(RANK, RANK * SCALE));
        Files.write(merged.resolve("model.safetensors"), ofMerged.bytes());
    }

    private static float[] random(Random random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian() / 8;
        }
        return numbers;
    }

    private double[] logProbabilities(Path model, @Nullable Path adapter) {
        EngineOptions options =
                Golden.options(KernelChoice.AUTO, 1, 64).withAdapter(adapter).withCache(directory.resolve("cache"));
        try (Engine engine = Engine.open(model, options)) {
            return Golden.scored(engine, TOKENS, Golden.unprefixed(64, 64))
                    .score()
                    .tokenLogProbabilities();
        }
    }
}
