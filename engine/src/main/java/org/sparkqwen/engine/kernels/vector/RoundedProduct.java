package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.Arithmetic.BLOCK;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.Bf16Math;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// Products in the arithmetic of instructions for bfloat16, which the Vector API does not emit. Each multiply-add is
/// one of float32 whose result is made zero where it is too small to be normal, as [Bf16Math] says.
final class RoundedProduct {
    private RoundedProduct() {}

    /// Reads inputs of a panel, rounded to bfloat16, and fills them up with zeros to a whole block.
    ///
    /// @param panel address of the whole panel
    /// @param to address of `[inputs][32]` in float32
    static void readPanel(Matrix weight, long panel, int from, int count, long to) {
        WeightFormat format = weight.format();
        int padded = Math.ceilDiv(count, BLOCK) * BLOCK;
        for (int i = 0; i < padded * PANEL; i++) {
            int input = i / PANEL;
            float number = input < count ? format.ofPanel(panel, weight.inputs(), from + input, i % PANEL) : 0f;
            Memory.setFloat(to + (long) i * Float.BYTES, Bf16Math.rounded(number));
        }
    }

    /// Adds the products of a tile's rows with inputs of a panel.
    ///
    /// @param panel address of `[inputs, filled up to a whole block][32]` in float32
    /// @param in `[inputs][height]` from index `from`
    /// @param sums `[height][32]` from index `at`
    static void accumulate(
            Arithmetic arithmetic, long panel, int inputs, float[] in, int from, int height, float[] sums, int at) {
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < PANEL; column += LANES) {
                long weights = panel + (long) column * Float.BYTES;
                int sum = at + row * PANEL + column;
                Row x = new Row(in, from + row, height, inputs);
                FloatVector start = FloatVector.fromArray(FLOATS, sums, sum);
                FloatVector end = arithmetic == Arithmetic.PAIRS
                        ? pairs(x, weights, start)
                        : blocks(arithmetic, x, weights, start);
                end.intoArray(sums, sum);
            }
        }
    }

    /// A row of activations.
    private record Row(float[] numbers, int from, int pitch, int inputs) {
        /// A part of an activation; 0 after the row's end.
        float part(int part, int input) {
            if (input >= inputs) {
                return 0f;
            }
            float number = numbers[from + input * pitch];
            return part == 0 ? Bf16Math.rounded(number) : Bf16Math.remainder(number);
        }
    }

    private static FloatVector pairs(Row x, long weights, FloatVector sum) {
        for (int input = 0; input < x.inputs(); input += 2) {
            sum = multiplyAdd(x.part(0, input + 1), weights(weights, input + 1), sum);
            sum = multiplyAdd(x.part(0, input), weights(weights, input), sum);
        }
        return sum;
    }

    private static FloatVector blocks(Arithmetic arithmetic, Row x, long weights, FloatVector sum) {
        for (int first = 0; first < x.inputs(); first += BLOCK) {
            for (int part = 0; part < arithmetic.parts(); part++) {
                FloatVector even = FloatVector.zero(FLOATS);
                FloatVector odd = FloatVector.zero(FLOATS);
                for (int input = first; input < first + BLOCK; input += 2) {
                    even = multiplyAdd(x.part(part, input), weights(weights, input), even);
                    odd = multiplyAdd(x.part(part, input + 1), weights(weights, input + 1), odd);
                }
                sum = normalOrZero(sum.add(normalOrZero(even.add(odd))));
            }
        }
        return sum;
    }

    private static FloatVector weights(long weights, int input) {
        return load(weights + (long) input * PANEL * Float.BYTES);
    }

    private static FloatVector multiplyAdd(float x, FloatVector weights, FloatVector sum) {
        FloatVector factor = FloatVector.broadcast(FLOATS, x);
        FloatVector result = factor.fma(weights, sum);
        VectorMask<Float> least = result.abs().compare(VectorOperators.EQ, Float.MIN_NORMAL);
        if (least.anyTrue()) {
            for (int lane = 0; lane < LANES; lane++) {
                result = result.withLane(lane, Bf16Math.multiplyAdd(x, weights.lane(lane), sum.lane(lane)));
            }
        }
        return normalOrZero(result);
    }

    /// Zero with a number's sign in place of a number that is too small to be normal.
    private static FloatVector normalOrZero(FloatVector numbers) {
        VectorMask<Float> small = numbers.abs().compare(VectorOperators.LT, Float.MIN_NORMAL);
        return numbers.blend(numbers.mul(0f), small);
    }
}
