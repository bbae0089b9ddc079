package org.sparkqwen.engine.kernels.format;

/// Numbers in bfloat16, each the upper half of a float's bits.
public final class Bfloat16 {
    private Bfloat16() {}

    /// Widens to float32, which is exact.
    public static float widened(short upperHalf) {
        return Float.intBitsToFloat(upperHalf << 16);
    }

    /// Rounds to nearest, with ties to even. A NaN stays a NaN.
    public static short rounded(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }
}
