package org.sparkqwen.engine.quantized;

/// The numbers of F8_E4M3: a sign, 4 bits of exponent with the bias 7, and 3 bits of fraction. There are no infinities,
/// so the largest number is 448, and all ones after the sign are NaN. See "FP8 Formats for Deep Learning",
/// <https://arxiv.org/abs/2209.05433>.
final class Float8 {
    /// The bits of a fraction, with the leading one.
    static final int SIGNIFICANT_BITS = 4;

    /// The exponent of the least number, 2^-9.
    static final int LEAST_EXPONENT = -9;

    static final float GREATEST = 448;

    private static final float[] VALUES = new float[256];

    static {
        for (int bits = 0; bits < VALUES.length; bits++) {
            VALUES[bits] = decode(bits);
        }
    }

    private Float8() {}

    private static float decode(int bits) {
        int exponent = (bits >> 3) & 15;
        int fraction = bits & 7;
        float magnitude;
        if ((bits & 0x7f) == 0x7f) {
            magnitude = Float.NaN;
        } else if (exponent == 0) {
            magnitude = Math.scalb((float) fraction, LEAST_EXPONENT);
        } else {
            magnitude = Math.scalb((float) (8 + fraction), exponent - 10); // 2^(exponent - 7) in steps of eighths
        }
        return bits < 128 ? magnitude : -magnitude;
    }

    /// The value of a byte.
    static float value(byte bits) {
        return VALUES[bits & 0xff];
    }
}
