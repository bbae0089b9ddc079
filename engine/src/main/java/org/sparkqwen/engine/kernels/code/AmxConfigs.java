package org.sparkqwen.engine.kernels.code;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.sparkqwen.engine.kernels.code.x86.Tmm;

/// The shapes of AMX's tile registers for each number of rows of activations: 0 to 3 have sums, 4 and 5 have rows of
/// activations, and 6 and 7 have weights.
///
/// @param memory `[16 + 1][64 bytes]`, as LDTILECFG reads them
record AmxConfigs(MemorySegment memory) {
    private static final int BYTES = 64;
    private static final int FIRST_WEIGHTS = 6;
    private static final int FIRST_ROWS = 4;
    private static final int ROW_BYTES = 16; // the place of the registers' numbers of bytes in a row
    private static final int ROWS = 48; // the place of the registers' numbers of rows

    /// @param weightRows number of rows of weights, each of four bytes of an input's or a pair's 16 outputs
    static AmxConfigs of(int weightRows) {
        MemorySegment configs = Arena.global().allocate((Tmm.ROWS + 1L) * BYTES, BYTES);
        for (int rows = 1; rows <= Tmm.ROWS; rows++) {
            MemorySegment config = configs.asSlice((long) rows * BYTES, BYTES);
            config.set(ValueLayout.JAVA_BYTE, 0, (byte) 1); // the only palette
            for (int register = 0; register < 8; register++) {
                boolean weights = register >= FIRST_WEIGHTS;
                boolean activations = register >= FIRST_ROWS && !weights;
                int bytes = activations ? weightRows * Integer.BYTES : Tmm.ROW_BYTES;
                config.set(ValueLayout.JAVA_SHORT, ROW_BYTES + 2L * register, (short) bytes);
                config.set(ValueLayout.JAVA_BYTE, ROWS + register, (byte) (weights ? weightRows : rows));
            }
        }
        return new AmxConfigs(configs);
    }

    /// The address of the shapes for a number of rows, 1 to 16.
    long address(int rows) {
        return memory.address() + (long) rows * BYTES;
    }
}
