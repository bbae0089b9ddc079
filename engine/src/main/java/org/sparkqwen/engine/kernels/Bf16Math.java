package org.sparkqwen.engine.kernels;

import org.sparkqwen.engine.kernels.format.Bfloat16;

/// The arithmetic of instructions for bfloat16 (VCVTNEPS2BF16, VDPBF16PS, TDPBF16PS), number by number.
///
/// They count operands that are too small to be normal as zero, and so they do with results. A result is too small if
/// it would be after rounding to 24 bits with an exponent as small as it takes. So a sum that float32 rounds up to the
/// least normal number may still become zero. All results are rounded to nearest, with ties to even.
public final class Bf16Math {
    private static final double LEAST_NORMAL_AFTER_ROUNDING = Float.MIN_NORMAL * (1 - 0x1p-25);

    private Bf16Math() {}

    /// Rounds to bfloat16, as a float. A NaN stays a NaN.
    public static float rounded(float number) {
        return Bfloat16.widened(Bfloat16.rounded(normalOrZero(number)));
    }

    /// The second part of a number that is split into bfloat16 numbers, after [#rounded] as the first one.
    public static float remainder(float number) {
        return rounded(number - rounded(number));
    }

    /// Computes `a · b + sum` for two bfloat16 numbers, rounded once.
    public static float multiplyAdd(float a, float b, float sum) {
        float x = normalOrZero(a);
        float y = normalOrZero(b);
        float z = normalOrZero(sum);
        float result = Math.fma(x, y, z);
        // The product of two bfloat16 numbers is exact in double, and so is a sum this small.
        if (Math.abs(result) == Float.MIN_NORMAL && Math.abs((double) x * y + z) < LEAST_NORMAL_AFTER_ROUNDING) {
            return Math.copySign(0f, result);
        }
        return normalOrZero(result);
    }

    /// Computes `a + b`.
    public static float add(float a, float b) {
        return normalOrZero(normalOrZero(a) + normalOrZero(b));
    }

    /// Zero with the number's sign in place of a number that is too small to be normal.
    private static float normalOrZero(float number) {
        return Math.abs(number) < Float.MIN_NORMAL ? Math.copySign(0f, number) : number;
    }
}
