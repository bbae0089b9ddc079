package org.sparkqwen.engine.kernels.scalar;

import static org.sparkqwen.engine.kernels.Arithmetic.BLOCK;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.Bf16Math;

/// The product of a row with a panel of 32 outputs in each [Arithmetic] of floating-point numbers, as its definition
/// says.
final class ScalarProduct {
    private ScalarProduct() {}

    /// Adds to `sums[j]` the products `x[i] · panel[i][j]` of all inputs.
    ///
    /// @param x `[inputs]`
    /// @param panel `[inputs][32]`
    /// @param sums 32 sums from index `at` on
    static void accumulate(Arithmetic arithmetic, float[] x, float[] panel, float[] sums, int at) {
        switch (arithmetic) {
            case FLOATS -> floats(x, panel, sums, at);
            case PAIRS -> {
                float[] weights = each(panel, Bf16Math::rounded);
                float[] row = each(x, Bf16Math::rounded);
                for (int j = 0; j < PANEL; j++) {
                    sums[at + j] = pairs(row, weights, j, sums[at + j]);
                }
            }
            case BLOCKS -> {
                float[] weights = each(panel, Bf16Math::rounded);
                blocks(weights, sums, at, each(x, Bf16Math::rounded));
            }
            case SPLIT_BLOCKS -> {
                float[] weights = each(panel, Bf16Math::rounded);
                blocks(weights, sums, at, each(x, Bf16Math::rounded), each(x, Bf16Math::remainder));
            }
            case INTEGERS -> throw new IllegalArgumentException("a panel of integers is not [inputs][32] floats");
        }
    }

    /// Adds products in float32, where each of the 32 sums is a chain in ascending order of inputs. Eight chains
    /// advance at a time, because each link of a chain must wait for the one before it.
    private static void floats(float[] x, float[] panel, float[] sums, int at) {
        for (int j = 0; j < PANEL; j += 8) {
            float sum0 = sums[at + j];
            float sum1 = sums[at + j + 1];
            float sum2 = sums[at + j + 2];
            float sum3 = sums[at + j + 3];
            float sum4 = sums[at + j + 4];
            float sum5 = sums[at + j + 5];
            float sum6 = sums[at + j + 6];
            float sum7 = sums[at + j + 7];
            for (int i = 0; i < x.length; i++) {
                int w = i * PANEL + j;
                sum0 = Math.fma(x[i], panel[w], sum0);
                sum1 = Math.fma(x[i], panel[w + 1], sum1);
                sum2 = Math.fma(x[i], panel[w + 2], sum2);
                sum3 = Math.fma(x[i], panel[w + 3], sum3);
                sum4 = Math.fma(x[i], panel[w + 4], sum4);
                sum5 = Math.fma(x[i], panel[w + 5], sum5);
                sum6 = Math.fma(x[i], panel[w + 6], sum6);
                sum7 = Math.fma(x[i], panel[w + 7], sum7);
            }
            sums[at + j] = sum0;
            sums[at + j + 1] = sum1;
            sums[at + j + 2] = sum2;
            sums[at + j + 3] = sum3;
            sums[at + j + 4] = sum4;
            sums[at + j + 5] = sum5;
            sums[at + j + 6] = sum6;
            sums[at + j + 7] = sum7;
        }
    }

    private static float pairs(float[] row, float[] weights, int output, float sum) {
        for (int input = 0; input < row.length; input += 2) {
            float second = Bf16Math.multiplyAdd(at(row, input + 1), weight(weights, input + 1, output), sum);
            sum = Bf16Math.multiplyAdd(row[input], weight(weights, input, output), second);
        }
        return sum;
    }

    /// @param parts rows whose products with a block are added one after the other
    private static void blocks(float[] weights, float[] sums, int at, float[]... parts) {
        for (int first = 0; first < parts[0].length; first += BLOCK) {
            for (float[] part : parts) {
                for (int j = 0; j < PANEL; j++) {
                    float even = 0f;
                    float odd = 0f;
                    for (int input = first; input < first + BLOCK; input += 2) {
                        even = Bf16Math.multiplyAdd(at(part, input), weight(weights, input, j), even);
                        odd = Bf16Math.multiplyAdd(at(part, input + 1), weight(weights, input + 1, j), odd);
                    }
                    sums[at + j] = Bf16Math.add(sums[at + j], Bf16Math.add(even, odd));
                }
            }
        }
    }

    /// A number of a row; 0 after its end.
    private static float at(float[] row, int input) {
        return input < row.length ? row[input] : 0f;
    }

    /// A weight of a panel; 0 after its end.
    private static float weight(float[] panel, int input, int output) {
        return at(panel, input * PANEL + output);
    }

    private interface Rounding {
        float of(float number);
    }

    private static float[] each(float[] numbers, Rounding rounding) {
        float[] rounded = new float[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            rounded[i] = rounding.of(numbers[i]);
        }
        return rounded;
    }
}
