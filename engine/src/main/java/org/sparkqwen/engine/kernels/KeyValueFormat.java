package org.sparkqwen.engine.kernels;

/// The format of the numbers in a [KeyValueBlock].
public enum KeyValueFormat {
    /// float32, as the numbers were computed.
    F32(Float.BYTES),

    /// bfloat16, rounded to nearest with ties to even: half the memory, and 8 bits of precision instead of 24.
    BF16(Short.BYTES);

    private final int bytes;

    KeyValueFormat(int bytes) {
        this.bytes = bytes;
    }

    /// The size of a number in bytes.
    public int bytes() {
        return bytes;
    }

    /// The distance in bytes from the first column of a panel's row to another column.
    long offset(int column) {
        return this == BF16 ? (long) Bf16Matrix.slot(column) * Short.BYTES : (long) column * Float.BYTES;
    }

    float get(long address) {
        return this == BF16 ? Float.intBitsToFloat(Memory.getShort(address) << 16) : Memory.getFloat(address);
    }

    public void set(long address, float value) {
        if (this == BF16) {
            Memory.setShort(address, rounded(value));
        } else {
            Memory.setFloat(address, value);
        }
    }

    /// Rounds to bfloat16, the upper half of a float's bits: to nearest, with ties to even. A NaN stays a NaN.
    public static short rounded(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }
}
