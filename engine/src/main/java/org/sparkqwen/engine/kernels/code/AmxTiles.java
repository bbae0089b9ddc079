package org.sparkqwen.engine.kernels.code;

import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.AmxTileCode;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.x86.Tmm;

/// Multiplies bfloat16 rows with panels in blocks of 32 inputs: it cuts the rows into tiles and calls the micro-kernels
/// of [AmxTileCode]. Each thread has its own.
///
/// All operands are addresses of native memory that the caller has checked, and distances in bytes.
final class AmxTiles {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 2 * Tmm.ROWS;

    private static final AmxConfigs CONFIGS = AmxConfigs.of(Tmm.ROWS);

    private final Arguments arguments = new Arguments();

    /// The address of the shapes of tile registers that are used whole.
    static long configuration() {
        return CONFIGS.address(Tmm.ROWS);
    }

    /// Sets the panel for the next products.
    ///
    /// @param panel `[16 · blocks pairs][32][2]` in bfloat16
    /// @param blocks number of blocks of 32 inputs
    AmxTiles panel(long panel, int blocks) {
        arguments.set(AmxTileCode.Field.PANEL, panel).set(AmxTileCode.Field.BLOCKS, blocks);
        return this;
    }

    /// Sets what is needed after the panel.
    ///
    /// @param lines number of cache lines that each tile requests
    AmxTiles ahead(long address, int lines) {
        arguments.set(AmxTileCode.Field.AHEAD, address).set(AmxTileCode.Field.AHEAD_COUNT, lines);
        return this;
    }

    /// Computes `to[row] = from[row] + Σ in[row][input] · panel[input]`, for 32 outputs of each row.
    ///
    /// @param in `[rows][32 · blocks]` in bfloat16
    /// @param secondPart distance to the same rows' second part; 0 if there is none
    /// @param from `[rows][32]`, or [Rows#ZEROS]
    /// @param to `[rows][32]`; may be `from`
    void multiply(int blocks, Rows in, long secondPart, int rows, Rows from, Rows to) {
        arguments
                .set(AmxTileCode.Field.IN_STRIDE, in.stride())
                .set(AmxTileCode.Field.IN_TO_SECOND_PART, secondPart)
                .set(AmxTileCode.Field.FROM_STRIDE, from.stride())
                .set(AmxTileCode.Field.TO_STRIDE, to.stride());
        int parts = secondPart == 0 ? 1 : 2;
        long passed = (long) blocks * Arithmetic.BLOCK * Short.BYTES; // by a tile's loop
        int tiles = rows / HIGHEST;
        if (tiles > 0) {
            run(2, parts, Tmm.ROWS, tiles, in.address(), HIGHEST * in.stride() - passed, from, to);
        }
        for (int first = tiles * HIGHEST; first < rows; first += Tmm.ROWS) {
            int height = Math.min(Tmm.ROWS, rows - first);
            run(1, parts, height, 1, in.from(first).address(), 0, from.from(first), to.from(first));
        }
    }

    private void run(int height, int parts, int rows, int tiles, long in, long toNextTile, Rows from, Rows to) {
        arguments
                .set(AmxTileCode.Field.CONFIG, CONFIGS.address(rows))
                .set(AmxTileCode.Field.IN, in)
                .set(AmxTileCode.Field.IN_TO_NEXT_TILE, toNextTile)
                .set(AmxTileCode.Field.FROM, from.address())
                .set(AmxTileCode.Field.TO, to.address())
                .set(AmxTileCode.Field.TILES, tiles)
                .call(RoundedFunctions.amxTile(height, parts));
    }
}
