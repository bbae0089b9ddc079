package org.sparkqwen.engine.kernels.code.x86;

/// A 256-bit vector register, the lower half of the [Zmm] of its number.
///
/// @param number from 0 to 15: instructions of AVX2 reach no more
public record Ymm(int number) implements Vector {
    /// The number of float32 numbers in a register.
    public static final int FLOATS = 8;

    /// The size of a register in bytes.
    public static final int BYTES = FLOATS * Float.BYTES;

    public Ymm {
        if (number < 0 || number > 15) {
            throw new IllegalArgumentException("there is no ymm%d".formatted(number));
        }
    }

    @Override
    public String toString() {
        return "ymm" + number;
    }
}
