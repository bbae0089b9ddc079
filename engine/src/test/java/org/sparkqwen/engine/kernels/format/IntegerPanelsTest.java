package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KeptRows;

/// The bytes of panels of integers, read once more from their description, and how good the integers are.
class IntegerPanelsTest {
    private static final int OUTPUTS = 41;

    private final Arena arena = Arena.ofConfined();
    private final Random random = new Random(11);

    @AfterEach
    void freeMemory() {
        arena.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 5, 127, 128, 129, 256, 300})
    void aPanelOfInt8HasScalesSumsAndQuads(int inputs) {
        float[][] weights = weights(inputs);
        MemorySegment panel = packed(KnownFormat.INT8, weights, 1);
        int groups = (inputs + 127) / 128;
        assertThat(panel.byteSize()).isEqualTo(groups * 256L + (inputs + 3) / 4 * 128L);
        for (int column = 0; column < 32; column++) {
            for (int group = 0; group < groups; group++) {
                long start = group * (256L + 32 * 128);
                float scale = panel.get(JAVA_FLOAT_UNALIGNED, start + column * 4L);
                int end = Math.min(inputs, group * 128 + 128);
                float greatest = 0;
                int sum = 0;
                for (int input = group * 128; input < (end + 3) / 4 * 4; input++) {
                    int within = input % 128;
                    byte integer = panel.get(JAVA_BYTE, start + 256 + within / 4 * 128L + column * 4L + within % 4);
                    boolean exists = input < inputs && 32 + column < OUTPUTS;
                    float weight = exists ? weights[32 + column][input] : 0;
                    greatest = Math.max(greatest, Math.abs(weight));
                    sum += integer;
                    assertThat(integer).isEqualTo((byte) (exists ? Math.rint((double) weight / scale) : 0));
                }
                assertThat(scale).isBetween(greatest / 127 * 0.9999f, greatest / 127 * 1.0001f);
                assertThat(panel.get(JAVA_INT_UNALIGNED, start + 128 + column * 4L))
                        .isEqualTo(sum);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 8, 9, 31, 32, 33, 96, 100})
    void aPanelOfInt4HasScalesAndHalvesOfBytes(int inputs) {
        float[][] weights = weights(inputs);
        MemorySegment panel = packed(KnownFormat.INT4, weights, 1);
        int groups = (inputs + 31) / 32;
        assertThat(panel.byteSize()).isEqualTo(groups * 64L + (inputs + 7) / 8 * 128L);
        for (int column = 0; column < 32; column++) {
            for (int input = 0; input < (inputs + 7) / 8 * 8; input++) {
                long start = input / 32 * (64L + 4 * 128);
                float scale = Float.float16ToFloat(panel.get(JAVA_SHORT_UNALIGNED, start + column * 2L));
                int within = input % 32;
                int pair = panel.get(JAVA_BYTE, start + 64 + within / 8 * 128L + column * 4L + within % 4);
                int integer = within % 8 < 4 ? (byte) (pair << 4) >> 4 : pair >> 4;
                boolean exists = input < inputs && 32 + column < OUTPUTS;
                double nearest = exists ? Math.rint((double) weights[32 + column][input] / scale) : 0;
                assertThat(integer).isEqualTo((int) Math.clamp(nearest, -8, 7));
            }
        }
    }

    /// Relative squared errors of normal weights. numpy gives 4.2e-5 for the greatest number in 128, and 6.6e-3 for
    /// the best of nine scales in 32, where the scale of the greatest number has 7.4e-3.
    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void normalWeightsLoseLittle(KnownFormat format) {
        float[][] weights = weights(1024);
        MemorySegment panel = packed(format, weights, 0);
        double lost = 0;
        double all = 0;
        for (int output = 0; output < 32; output++) {
            for (int input = 0; input < 1024; input++) {
                double error = weights[output][input] - format.ofPanel(panel.address(), 1024, input, output);
                lost += error * error;
                all += (double) weights[output][input] * weights[output][input];
            }
        }
        assertThat(lost / all).isLessThan(format == KnownFormat.INT8 ? 4.5e-5 : 6.8e-3);
    }

    /// Zeros, the least numbers, and great ones.
    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void numbersOfAnyMagnitudeHaveTheirPlace(KnownFormat format) {
        for (float greatest : new float[] {0, Float.MIN_VALUE, Float.MIN_NORMAL, 1e-6f, 1, 4e5f}) {
            float[][] weights = new float[1][40];
            weights[0][3] = greatest;
            weights[0][35] = -greatest;
            MemorySegment panel = packed(format, weights, 0);
            for (int input = 0; input < 40; input++) {
                float number = format.ofPanel(panel.address(), 40, input, 0);
                assertThat(Math.abs(number - weights[0][input])).isLessThanOrEqualTo(0.01f * greatest + 1e-7f);
            }
        }
    }

    @Test
    void numbersBeyondAllScalesAreRefused() {
        for (float number : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 1e6f}) {
            assertThatThrownBy(() -> packed(KnownFormat.INT4, new float[][] {{1, number}}, 0))
                    .isInstanceOf(ArithmeticException.class);
        }
        assertThatThrownBy(() -> packed(KnownFormat.INT8, new float[][] {{1, Float.NaN}}, 0))
                .isInstanceOf(ArithmeticException.class);
    }

    /// Values of kept integers have the bits of the products, but a zero is never negative.
    @ParameterizedTest
    @EnumSource
    void integersAndScalesAreKept(IntegerLayout layout) {
        KnownFormat format = layout.format();
        KeptRows kept = new KeptRows(layout);
        for (int inputs : new int[] {1, 31, 33, 127, 130, 300}) {
            MemorySegment panel = arena.allocate(format.panelBytes(inputs), 64);
            format.packPanel(kept, OUTPUTS, inputs, 1, panel);
            float[] values = new float[inputs];
            byte[] integers = new byte[inputs];
            for (int column = 0; column < 32; column++) {
                boolean exists = 32 + column < OUTPUTS;
                if (exists) {
                    kept.read(32 + column, values);
                    kept.read(32 + column, integers);
                }
                int sum = 0;
                for (int input = 0; input < inputs; input++) {
                    float expected = exists ? values[input] + 0f : 0f;
                    float actual = format.ofPanel(panel.address(), inputs, input, column);
                    assertThat(Float.floatToRawIntBits(actual)).isEqualTo(Float.floatToRawIntBits(expected));
                    assertThat(layout.integer(panel.address(), input, column)).isEqualTo(exists ? integers[input] : 0);
                    sum += exists && input < 128 ? integers[input] : 0;
                }
                if (layout == IntegerLayout.INT8) {
                    assertThat(panel.get(JAVA_INT_UNALIGNED, 128 + column * 4L)).isEqualTo(sum);
                }
            }
        }
    }

    @Test
    void aLayoutHoldsIntegersAndScalesThatItKeeps() {
        assertThat(IntegerLayout.INT8.holds(-128, 127)).isTrue();
        assertThat(IntegerLayout.INT8.holds(-129, 0)).isFalse();
        assertThat(IntegerLayout.INT8.holds(0, 128)).isFalse();
        assertThat(IntegerLayout.INT4.holds(-8, 7)).isTrue();
        assertThat(IntegerLayout.INT4.holds(0, 8)).isFalse();
        assertThat(IntegerLayout.INT8.holds(0x1.fffff8p-3f)).as("22 bits").isTrue();
        assertThat(IntegerLayout.INT8.holds(0x1.fffffcp-3f)).as("23 bits").isFalse();
        assertThat(IntegerLayout.INT8.holds(-Float.MIN_VALUE)).isTrue();
        assertThat(IntegerLayout.INT8.holds(0x1p120f)).as("the base overflows").isFalse();
        assertThat(IntegerLayout.INT4.holds(0x1.ffcp15f)).isTrue();
        assertThat(IntegerLayout.INT4.holds(-0x1p-24f)).isTrue();
        assertThat(IntegerLayout.INT4.holds(0x1p-25f)).isFalse();
        assertThat(IntegerLayout.INT4.holds(0x1p16f)).isFalse();
        for (IntegerLayout layout : IntegerLayout.values()) {
            assertThat(layout.holds(0f)).isTrue();
            assertThat(layout.holds(Float.NaN)).isFalse();
            assertThat(layout.holds(Float.NEGATIVE_INFINITY)).isFalse();
        }
    }

    private MemorySegment packed(KnownFormat format, float[][] weights, int panel) {
        int inputs = weights[0].length;
        MemorySegment out = arena.allocate(format.panelBytes(inputs), 64);
        WeightRows rows = (output, row) -> System.arraycopy(weights[output], 0, row, 0, inputs);
        format.packPanel(rows, weights.length, inputs, panel, out);
        return out;
    }

    private float[][] weights(int inputs) {
        float[][] weights = new float[OUTPUTS][inputs];
        for (float[] row : weights) {
            for (int i = 0; i < inputs; i++) {
                row[i] = 0.02f * (float) random.nextGaussian();
            }
        }
        return weights;
    }
}
