package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.SafetensorsWriter;

/// Numbers in every format of GGUF are decoded to the bits that `golden/gguf/make.py` decodes from the format's
/// description with numpy. Scales are random, zero, negative, the smallest and the largest of float16.
class GgufBlocksTest {
    private static final Path GGUF = Golden.DIRECTORY.resolve("gguf");
    private static final Map<String, SafetensorsWriter.Tensor> NUMBERS =
            SafetensorsWriter.read(GGUF.resolve("blocks.safetensors"));

    @ParameterizedTest
    @EnumSource
    void numbersHaveTheBitsOfTheDescription(DType type) {
        String name = type.name().toLowerCase(Locale.ROOT) + ".weight";
        int[] expected = bits(floats(Objects.requireNonNull(NUMBERS.get(name)).bytes()));
        try (Checkpoint checkpoint = Checkpoint.open(GGUF.resolve("blocks.gguf"))) {
            CheckpointTensor tensor = checkpoint.find(name).orElseThrow();
            assertThat(tensor.dtype()).isEqualTo(type);
            assertThat(tensor.shape()).containsExactly(3, 512);
            float[] all = new float[3 * 512];
            tensor.read(0, all);
            assertThat(bits(all)).isEqualTo(expected);
            for (int row = 0; row < 3; row++) {
                float[] numbers = new float[512];
                tensor.read(row * 512L, numbers);
                assertThat(bits(numbers)).isEqualTo(Arrays.copyOfRange(expected, 512 * row, 512 * (row + 1)));
            }
        }
    }

    /// Two formats with the same numbers are equal, and so are two blocks of other bytes with the same numbers.
    @Test
    void tensorsAreComparedByTheirNumbers() {
        try (Checkpoint checkpoint = Checkpoint.open(GGUF.resolve("blocks.gguf"))) {
            CheckpointTensor tensor = checkpoint.find("q4_k.weight").orElseThrow();
            assertThat(tensor.equalsNumbersOf(tensor)).isTrue();
            assertThat(tensor.equalsNumbersOf(checkpoint.find("q5_k.weight").orElseThrow()))
                    .isFalse();
        }
    }

    /// Bfloat16 stays as it is. All else becomes float32, in which every number is exact.
    @ParameterizedTest
    @EnumSource
    void onlyBfloat16StaysBfloat16(DType type) {
        assertThat(type.format()).isEqualTo(type == DType.BF16 ? KnownFormat.BF16 : KnownFormat.F32);
    }

    private static float[] floats(byte[] bytes) {
        float[] floats = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
        return floats;
    }

    private static int[] bits(float[] floats) {
        int[] bits = new int[floats.length];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(floats[i]));
        return bits;
    }
}
