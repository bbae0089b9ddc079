package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// Weights in 4 bits: an integer from -8 to 7 for each weight, and a scale in float16 for each output and group of 32
/// inputs, of which the last may have fewer. A weight is `integer · scale`, which is exact. That makes 4.5 bits a
/// weight.
///
/// A panel is group after group ([IntegerLayout]), and a group of `n` inputs is
///
/// ```
/// float16 scales[32]
/// byte    integers[⌈n / 8⌉][32][4]  0 past the last input
/// ```
///
/// Of eight inputs, the lower halves of the four bytes have the first four, and the upper halves have the others.
///
/// A row is group after group, too: the scale, and a byte for each two inputs, the first in the lower half.
///
/// A scale has the sign with which the group's greatest number is negative, because there is one negative integer more.
/// Of nine scales around the one that brings this number to -8, the group takes the one that loses the least, after
/// least squares. Cutting great numbers lowers the error of the others by more than it costs. Integers and scales of a
/// checkpoint that fit are kept.
final class Int4Panels {
    private static final IntegerLayout LAYOUT = IntegerLayout.INT4;
    private static final int LEAST = -8;
    private static final int GREATEST = 7;
    private static final int BITS = 4;

    /// The greatest number that float16 scales reach.
    private static final float LIMIT = -LEAST * 65504f;

    /// The factors of the scale that are tried.
    private static final float[] FACTORS = {0.75f, 0.8f, 0.85f, 0.9f, 0.95f, 1f, 1.05f, 1.1f, 1.15f};

    private static final IntegerPanels.Rounding ROUNDING = new IntegerPanels.Rounding() {
        @Override
        public float scale(float[] row, int from, int end) {
            return Float.float16ToFloat(Int4Panels.scale(row, from, end));
        }

        @Override
        public int integer(float number, float scale) {
            return Int4Panels.integer(number, scale);
        }
    };

    private Int4Panels() {}

    static float ofPanel(long panel, int input, int column) {
        return LAYOUT.weight(LAYOUT.integer(panel, input, column), LAYOUT.scale(panel, input, column));
    }

    static void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out) {
        IntegerPanels.pack(LAYOUT, ROUNDING, rows, outputs, inputs, panel, out);
    }

    static long rowBytes(int inputs) {
        return (long) Math.ceilDiv(inputs, LAYOUT.groupInputs()) * Short.BYTES + Math.ceilDiv(inputs, 2);
    }

    /// The distance from the start of a row to the group of an input.
    private static long rowOffset(int input) {
        return (long) input / LAYOUT.groupInputs() * (Short.BYTES + LAYOUT.groupInputs() / 2);
    }

    static float ofRow(long row, int input) {
        long group = row + rowOffset(input);
        int pair = Memory.getByte(group + Short.BYTES + input % LAYOUT.groupInputs() / 2);
        int integer = input % 2 == 0 ? pair << (Integer.SIZE - BITS) >> (Integer.SIZE - BITS) : pair >> BITS;
        return LAYOUT.weight(integer, Float.float16ToFloat(Memory.getShort(group)));
    }

    static void packRow(WeightRows rows, int output, int inputs, MemorySegment out) {
        float[] row = new float[inputs];
        rows.read(output, row);
        for (int from = 0; from < inputs; from += LAYOUT.groupInputs()) {
            int end = Math.min(from + LAYOUT.groupInputs(), inputs);
            short half = scale(row, from, end);
            float scale = Float.float16ToFloat(half);
            long group = rowOffset(from);
            out.set(JAVA_SHORT_UNALIGNED, group, half);
            for (int input = from; input < end; input += 2) {
                int low = integer(row[input], scale) & 15;
                int high = input + 1 < end ? integer(row[input + 1], scale) : 0;
                out.set(JAVA_BYTE, group + Short.BYTES + (input - from) / 2, (byte) (high << BITS | low));
            }
        }
    }

    /// The scale of inputs `from` to `end - 1` in float16.
    ///
    /// For integers `q` of weights `w`, least squares gives the scale `Σwq / Σq²`, with which the error is
    /// `Σw² - (Σwq)² / Σq²`.
    private static short scale(float[] row, int from, int end) {
        float extreme = row[IntegerLayout.greatest(row, from, end)];
        if (Math.abs(extreme) > LIMIT) {
            throw new ArithmeticException("a weight of %g is too great for 4 bits".formatted(extreme));
        }
        float best = 0;
        float bestGain = 0;
        for (float factor : FACTORS) {
            float inverse = LEAST / (extreme * factor);
            if (Float.isInfinite(inverse)) { // of numbers that float16 scales do not reach
                continue;
            }
            float products = 0;
            float squares = 0;
            for (int input = from; input < end; input++) {
                int integer = Math.clamp(Math.round(row[input] * inverse), LEAST, GREATEST);
                products = Math.fma(row[input], integer, products);
                squares += integer * integer;
            }
            float gain = products * (products / squares);
            if (gain > bestGain) {
                bestGain = gain;
                best = products / squares;
            }
        }
        return Float.floatToFloat16(best);
    }

    private static int integer(float number, float scale) {
        return scale == 0 ? 0 : Math.clamp(Math.round(number / scale), LEAST, GREATEST);
    }
}
