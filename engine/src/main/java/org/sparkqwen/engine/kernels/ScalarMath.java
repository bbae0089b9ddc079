package org.sparkqwen.engine.kernels;

/// The engine's own transcendental functions in float32, one number at a time; `VectorMath` computes the same bits.
///
/// The JDK's functions do not serve, because their results may differ between interpreter, compiler and processor.
public final class ScalarMath {
    /// The number of virtual lanes of every sum that is not a chain: term `i` goes to lane `i % 16`, and lanes are
    /// added in order.
    public static final int LANES = 16;

    public static final float EXP_MIN = -104f;
    public static final float EXP_MAX = 89f;
    public static final float LOG2_E = 1.442695f;

    /// Adding and subtracting this number, 1.5 · 2²³, rounds to the nearest integer. After the addition, the low
    /// bits hold that integer.
    public static final float ROUND = 12_582_912f;

    public static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);

    /// ln 2 is split into two parts. The first has so few bits that its product with an exponent is exact.
    public static final float LN2_HIGH = 0.6933594f;

    public static final float LN2_LOW = -2.1219444e-4f;

    /// Coefficients of (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2, highest power first (S. Moshier, Cephes, expf).
    public static final float EXP_C5 = 1.9875691e-4f;

    public static final float EXP_C4 = 1.3981999e-3f;
    public static final float EXP_C3 = 8.333452e-3f;
    public static final float EXP_C2 = 4.1665796e-2f;
    public static final float EXP_C1 = 0.16666666f;
    public static final float EXP_C0 = 0.5f;

    private ScalarMath() {}

    /// Computes eˣ within 0.98 ulp where the result is normal, and within 0.76 where it is subnormal. The result is
    /// 0 below −104 and infinite above 89. ScalarMathTest measures these figures, and enforces them.
    ///
    /// x = n ln 2 + r with n an integer, so eˣ = 2ⁿ eʳ. The power of two is applied in halves, so that neither
    /// factor leaves the range of floats where the result does not.
    public static float exp(float x) {
        float clamped = Math.min(Math.max(x, EXP_MIN), EXP_MAX);
        float shifted = Math.fma(clamped, LOG2_E, ROUND);
        int n = Float.floatToRawIntBits(shifted) - ROUND_BITS;
        float nearest = shifted - ROUND;
        float r = Math.fma(nearest, -LN2_LOW, Math.fma(nearest, -LN2_HIGH, clamped));
        float p = EXP_C5;
        p = Math.fma(p, r, EXP_C4);
        p = Math.fma(p, r, EXP_C3);
        p = Math.fma(p, r, EXP_C2);
        p = Math.fma(p, r, EXP_C1);
        p = Math.fma(p, r, EXP_C0);
        float power = Math.fma(p, r * r, r) + 1f;
        int half = n >> 1;
        return power * powerOfTwo(half) * powerOfTwo(n - half);
    }

    /// Computes silu(gate) · up, with silu(x) = x / (1 + e⁻ˣ) within 2.25 ulp. Below −88.72, where e⁻ˣ is infinite,
    /// silu is −0 in place of numbers that are nearer to 0 than 3e-37.
    public static float swiGlu(float gate, float up) {
        return gate / (1f + exp(-gate)) * up;
    }

    /// Returns the greater of two numbers with one comparison: `a` where they compare equal or one is NaN.
    ///
    /// On vectors, [Math#max] takes several instructions more, because it distinguishes −0 from 0 and passes NaN
    /// on. A NaN among scores or logits still shows, in the sum of their exponentials.
    public static float greater(float a, float b) {
        return b > a ? b : a;
    }

    /// Computes 1 / √(mean + epsilon) of `count` squares that were summed in 16 lanes.
    public static float inverseRoot(float[] squares, int count, float epsilon) {
        float mean = fold(squares) / count;
        return 1f / (float) Math.sqrt(mean + epsilon);
    }

    /// Adds the 16 lanes, from the first to the last.
    public static float fold(float[] lanes) {
        return fold(lanes, 0);
    }

    /// Adds the 16 lanes from index `from` on, from the first to the last.
    public static float fold(float[] lanes, int from) {
        float sum = lanes[from];
        for (int lane = 1; lane < LANES; lane++) {
            sum += lanes[from + lane];
        }
        return sum;
    }

    private static float powerOfTwo(int exponent) {
        return Float.intBitsToFloat((exponent + 127) << 23);
    }

    /// Whether the number at `index` is the first of the greatest among `count` numbers: none is greater, and none
    /// before it is equal. Zeros of either sign are equal.
    ///
    /// @param from index of the first of the numbers
    /// @param index at least `from`
    public static boolean isFirstOfGreatest(float[] numbers, int from, int count, int index) {
        float number = numbers[from + index];
        for (int i = 0; i < count; i++) {
            float other = numbers[from + i];
            if (other > number || (other == number && i < index)) {
                return false;
            }
        }
        return true;
    }
}
