package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.sparkqwen.engine.testing.QuantizedGolden;

/// Quantized weights have the bits of the values that `golden/quantized/make.py` computes from the integers and floats
/// before it packs them.
class QuantizedCheckpointTest {
    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.QuantizedGolden#NAMES")
    void valuesHaveTheBitsOfTheDescription(String name) {
        try (Checkpoint quantized = Checkpoint.open(QuantizedGolden.model(name));
                Checkpoint plain = Checkpoint.open(QuantizedGolden.plain(name, directory))) {
            assertThat(plain.tensors()).hasSizeGreaterThan(10);
            for (CheckpointTensor expected : plain.tensors()) {
                CheckpointTensor tensor = quantized.find(expected.name()).orElseThrow();
                assertThat(tensor.shape()).as(expected.name()).isEqualTo(expected.shape());
                assertThat(bits(tensor)).as(expected.name()).isEqualTo(bits(expected));
                assertThat(tensor.dtype()).as(expected.name()).isEqualTo(expected.dtype());
                assertThat(tensor.equalsNumbersOf(expected)).isTrue();
                assertThat(expected.equalsNumbersOf(tensor)).isTrue();
            }
            assertThat(quantized.tensors())
                    .hasSizeGreaterThanOrEqualTo(plain.tensors().size());
        }
    }

    @Test
    void anyPartOfAWeightCanBeRead() {
        try (Checkpoint checkpoint = Checkpoint.open(QuantizedGolden.model("gptq"))) {
            CheckpointTensor tensor =
                    checkpoint.find("model.layers.0.mlp.down_proj.weight").orElseThrow();
            int[] all = bits(tensor);
            for (int from = 0; from < all.length - 100; from += 37) {
                float[] part = new float[from % 100];
                tensor.read(from, part);
                assertThat(bits(part)).isEqualTo(Arrays.copyOfRange(all, from, from + part.length));
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        awq | AWQ, 4 bits, groups of 16 inputs
        float8 | compressed-tensors, floats of 8 bits, one scale a weight; floats of 8 bits, one scale an output
        float8-blocks | compressed-tensors, floats of 8 bits, blocks of 20 x 12
        fp8 | FP8, blocks of 128 x 128
        fp8-powers | FP8, one scale a weight
        gptq | GPTQ, 4 bits, groups of 16 inputs
        gptq-v2-int8 | GPTQ v2, 8 bits, one group of all inputs
        int8 | compressed-tensors, integers of 8 bits, one scale an output; integers of 8 bits, one scale a weight
        packed-int4 | compressed-tensors, integers of 4 bits, groups of 16 inputs
        """)
    void theSchemeHasATitle(String name, String title) {
        try (Checkpoint checkpoint = Checkpoint.open(QuantizedGolden.model(name))) {
            assertThat(checkpoint.quantization().orElseThrow().title()).isEqualTo(title);
        }
    }

    private static int[] bits(CheckpointTensor tensor) {
        float[] values = new float[(int) tensor.elements()];
        tensor.read(0, values);
        return bits(values);
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
        return bits;
    }
}
