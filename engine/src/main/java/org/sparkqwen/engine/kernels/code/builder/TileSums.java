package org.sparkqwen.engine.kernels.code.builder;

import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// The vector registers of a tile's sums: two for each row, one for each half of 32 outputs, from register 0 on.
///
/// @param rows the tile's height
record TileSums(int rows) {
    /// The number of vectors of 32 outputs.
    static final int HALVES = 2;

    /// What is written for a sum.
    interface Work {
        void on(int row, int half, Zmm sum);
    }

    /// Writes something for each sum.
    void each(Work work) {
        for (int row = 0; row < rows; row++) {
            for (int half = 0; half < HALVES; half++) {
                work.on(row, half, of(row, half));
            }
        }
    }

    /// The register of a row's sums with half of the outputs.
    static Zmm of(int row, int half) {
        return new Zmm(row * HALVES + half);
    }
}
