package org.sparkqwen.engine.kernels.code.x86;

/// A tile register of AMX, which has up to 16 rows of up to 64 bytes.
///
/// @param number from 0 to 7
public record Tmm(int number) {
    /// The number of rows.
    public static final int ROWS = 16;

    /// The bytes of a row.
    public static final int ROW_BYTES = 64;

    public Tmm {
        if (number < 0 || number > 7) {
            throw new IllegalArgumentException("there is no register tmm%d".formatted(number));
        }
    }
}
