package org.sparkqwen.engine.kernels.code.x86;

/// A 512-bit vector register.
///
/// @param number from 0 to 31
public record Zmm(int number) implements Vector {
    /// The number of float32 numbers in a register.
    public static final int FLOATS = 16;

    /// The size of a register in bytes, which is that of a cache line.
    public static final int BYTES = FLOATS * Float.BYTES;

    public Zmm {
        if (number < 0 || number > 31) {
            throw new IllegalArgumentException("there is no zmm%d".formatted(number));
        }
    }

    @Override
    public String toString() {
        return "zmm" + number;
    }
}
