package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// Weights in 8 bits: an integer from -128 to 127 for each weight, and a scale for each output and group of 128 inputs,
/// of which the last may have fewer. A weight is `integer · scale`.
///
/// A panel is group after group ([IntegerLayout]), and a group of `n` inputs is
///
/// ```
/// float scales[32]
/// int   sums[32]                of the group's integers, which a product with unsigned activations needs
/// byte  integers[⌈n / 4⌉][32][4]  0 past the last input
/// ```
///
/// That is the order in which processors multiply bytes: four inputs of 16 outputs at a time. Everything begins at
/// multiples of 64 bytes from the panel's start.
///
/// A row is group after group, too: the scale, and the integers of the group's inputs.
///
/// A group's scale brings its greatest number to 127. Smaller scales, which cut great numbers and round the others
/// less, were measured to be no better in groups of this size. Integers and scales of a checkpoint that fit are kept,
/// and only they may be -128.
final class Int8Panels {
    private static final IntegerLayout LAYOUT = IntegerLayout.INT8;
    private static final int GREATEST = 127;

    /// The last bits of a float that a scale leaves 0, with which products of integers and scales are exact.
    private static final int UNUSED_BITS = 8;

    private static final IntegerPanels.Rounding ROUNDING = new IntegerPanels.Rounding() {
        @Override
        public float scale(float[] row, int from, int end) {
            return Int8Panels.scale(row, from, end);
        }

        @Override
        public int integer(float number, float scale) {
            return Int8Panels.integer(number, scale);
        }
    };

    private Int8Panels() {}

    static float ofPanel(long panel, int input, int column) {
        return LAYOUT.weight(LAYOUT.integer(panel, input, column), LAYOUT.scale(panel, input, column));
    }

    static void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out) {
        IntegerPanels.pack(LAYOUT, ROUNDING, rows, outputs, inputs, panel, out);
    }

    static long rowBytes(int inputs) {
        return rowOffset(inputs) + (inputs % LAYOUT.groupInputs() == 0 ? 0 : Float.BYTES);
    }

    /// The distance from the start of a row to an input's integer, less the scale of its group.
    private static long rowOffset(int input) {
        return (long) input / LAYOUT.groupInputs() * Float.BYTES + input;
    }

    static float ofRow(long row, int input) {
        long group = row + rowOffset(input - input % LAYOUT.groupInputs());
        int integer = Memory.getByte(row + rowOffset(input) + Float.BYTES);
        return LAYOUT.weight(integer, Memory.getFloat(group));
    }

    static void packRow(WeightRows rows, int output, int inputs, MemorySegment out) {
        float[] row = new float[inputs];
        rows.read(output, row);
        for (int from = 0; from < inputs; from += LAYOUT.groupInputs()) {
            int end = Math.min(from + LAYOUT.groupInputs(), inputs);
            float scale = scale(row, from, end);
            out.set(JAVA_FLOAT_UNALIGNED, rowOffset(from), scale);
            for (int input = from; input < end; input++) {
                out.set(JAVA_BYTE, rowOffset(input) + Float.BYTES, (byte) integer(row[input], scale));
            }
        }
    }

    /// The scale of inputs `from` to `end - 1`.
    private static float scale(float[] row, int from, int end) {
        float greatest = Math.abs(row[IntegerLayout.greatest(row, from, end)]);
        int bits = Float.floatToRawIntBits(greatest / GREATEST);
        int half = 1 << (UNUSED_BITS - 1);
        return Float.intBitsToFloat((bits + half) >> UNUSED_BITS << UNUSED_BITS);
    }

    private static int integer(float number, float scale) {
        return scale == 0 ? 0 : Math.clamp(Math.round(number / scale), -GREATEST, GREATEST);
    }
}
