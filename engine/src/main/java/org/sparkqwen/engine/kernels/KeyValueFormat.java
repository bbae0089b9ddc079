package org.sparkqwen.engine.kernels;

/// How numbers lie in a [KeyValueBlock].
public enum KeyValueFormat {
    /// As they were computed.
    F32(Float.BYTES),

    /// Rounded to bfloat16, the nearest of even ones: half the memory, and 8 bits of precision instead of 24.
    BF16(Short.BYTES);

    private final int bytes;

    KeyValueFormat(int bytes) {
        this.bytes = bytes;
    }

    /// Of a number.
    public int bytes() {
        return bytes;
    }

    /// Bytes from the first column of a panel's row to another.
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

    /// The upper half of a float's bits, rounded to nearest, ties to even. A NaN stays one.
    public static short rounded(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }
}
