package org.sparkqwen.engine.kernels;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import org.sparkqwen.engine.kernels.format.IntegerLayout;

/// The product of a row in 8 bits with a panel of integers, as its definition says: the arithmetic
/// [Arithmetic#INTEGERS].
///
/// A row's numbers are rounded to integers from -127 to 127, with one scale for each 128 inputs. For each group of a
/// panel's inputs, the products of integers are added exactly, and `sum of the group · (scale of the row · scale of the
/// output)` is added to the output by `fma`, group after group.
public final class IntegerProduct {
    /// The number of inputs of a row that share a scale.
    public static final int GROUP = 128;

    /// The greatest integer.
    public static final int GREATEST = 127;

    /// Groups without a number of at least this magnitude count as zeros, because their integers would need a
    /// factor that float32 does not have.
    public static final float LEAST = 0x1p-100f;

    /// Added to a number of small magnitude, it leaves the nearest integer in the lowest bits, with ties to even.
    public static final float ROUNDING = 0x1.8p23f;

    private IntegerProduct() {}

    /// A row in 8 bits.
    ///
    /// @param integers `[inputs]`
    /// @param scales one for each 128 inputs
    public record Row(byte[] integers, float[] scales) {
        public static Row of(float[] numbers) {
            byte[] integers = new byte[numbers.length];
            float[] scales = new float[Math.ceilDiv(numbers.length, GROUP)];
            for (int group = 0; group < scales.length; group++) {
                int from = group * GROUP;
                int end = Math.min(from + GROUP, numbers.length);
                float greatest = 0f;
                for (int i = from; i < end; i++) {
                    greatest = Math.max(greatest, Math.abs(numbers[i]));
                }
                scales[group] = scale(greatest);
                float factor = factor(greatest);
                for (int i = from; factor != 0 && i < end; i++) {
                    integers[i] = (byte) (int) (numbers[i] * factor + ROUNDING - ROUNDING);
                }
            }
            return new Row(integers, scales);
        }
    }

    /// The scale of a group of a row: the number that an integer of 1 stands for. It is NaN if a number of the
    /// group is infinite or not a number, and so is every output then.
    ///
    /// @param greatest the greatest magnitude in the group, or NaN
    public static float scale(float greatest) {
        if (!(greatest <= Float.MAX_VALUE)) {
            return Float.NaN;
        }
        return greatest < LEAST ? 0f : greatest / GREATEST;
    }

    /// The factor that brings a group's numbers to the range of its integers; 0 if they all become 0.
    public static float factor(float greatest) {
        return greatest <= Float.MAX_VALUE && greatest >= LEAST ? GREATEST / greatest : 0f;
    }

    /// Adds the products of a row and a panel to the sums of 32 outputs.
    ///
    /// @param panel address of a panel of that layout
    /// @param sums 32 sums from index `at` on
    public static void accumulate(IntegerLayout layout, Row row, long panel, float[] sums, int at) {
        int inputs = row.integers().length;
        for (int from = 0; from < inputs; from += layout.groupInputs()) {
            int end = Math.min(from + layout.groupInputs(), inputs);
            float scale = row.scales()[from / GROUP];
            for (int column = 0; column < PANEL; column++) {
                int sum = 0;
                for (int input = from; input < end; input++) {
                    sum += row.integers()[input] * layout.integer(panel, input, column);
                }
                float product = scale * layout.scale(panel, from, column);
                sums[at + column] = Math.fma((float) sum, product, sums[at + column]);
            }
        }
    }
}
