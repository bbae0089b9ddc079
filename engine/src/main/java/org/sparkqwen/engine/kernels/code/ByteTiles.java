package org.sparkqwen.engine.kernels.code;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;

/// Multiplies rows in 8 bits with groups of a panel's inputs: it cuts the rows into tiles and calls the micro-kernels
/// of [AmxByteTileCode] where a processor has AMX and a group has whole blocks, and else those of [ByteTileCode].
/// Each thread has its own.
///
/// All operands are addresses of native memory that the caller has checked, and distances in bytes.
final class ByteTiles {
    /// The numbers of fours of inputs that a block of AMX may have: all of a tile register, or half of one.
    private static final int WHOLE_BLOCK = Tmm.ROWS;
    private static final int HALF_BLOCK = Tmm.ROWS / 2;

    private static final AmxConfigs WHOLE = AmxConfigs.of(WHOLE_BLOCK);
    private static final AmxConfigs HALF = AmxConfigs.of(HALF_BLOCK);

    private final Arguments arguments = new Arguments();
    private final Arguments amxArguments = new Arguments();
    private final MemorySegment scratch =
            Arena.ofAuto().allocate((1L + AmxTiles.HIGHEST) * AmxByteTileCode.SCRATCH_ROW, Zmm.BYTES);
    private final boolean amx;

    /// @param amx whether to use AMX
    ByteTiles(boolean amx) {
        this.amx = amx;
        amxArguments.set(AmxByteTileCode.Field.SCRATCH, scratch.address());
    }

    /// Computes `to[row][0..31] += scale[row] · Σ in[row][input] · group[input][0..31]`.
    ///
    /// @param group address of the group, in the layout of `Int8Panels`
    /// @param fours number of fours of its inputs
    /// @param in `[rows][4 · fours]` bytes
    /// @param scales address of the rows' scales
    /// @param to address of `[rows][32]`
    /// @param ahead what is needed next, and the number of its cache lines
    void multiply(long group, int fours, Rows in, long scales, int rows, long to, long ahead, int lines) {
        boolean whole = fours % WHOLE_BLOCK == 0;
        if (amx && (whole || fours == HALF_BLOCK)) {
            int tiles = rows / AmxTiles.HIGHEST;
            amxArguments
                    .set(AmxByteTileCode.Field.PANEL, group)
                    .set(AmxByteTileCode.Field.BLOCKS, whole ? fours / WHOLE_BLOCK : 1)
                    .set(AmxByteTileCode.Field.IN_STRIDE, in.stride())
                    .set(AmxByteTileCode.Field.AHEAD, ahead)
                    .set(AmxByteTileCode.Field.AHEAD_COUNT, Math.ceilDiv(lines, Math.max(1, tiles)));
            AmxConfigs configs = whole ? WHOLE : HALF;
            long passed = whole ? 4L * fours : Tmm.ROW_BYTES; // by a tile's loop
            if (tiles > 0) {
                long next = AmxTiles.HIGHEST * in.stride() - passed;
                run(configs, 2, AmxTiles.HIGHEST, tiles, in.address(), next, scales, to);
            }
            for (int first = tiles * AmxTiles.HIGHEST; first < rows; first += Tmm.ROWS) {
                int height = Math.min(Tmm.ROWS, rows - first);
                long scale = scales + (long) first * Float.BYTES;
                run(configs, 1, height, 1, in.from(first).address(), 0, scale, to + first * Tiles.PANEL_ROW);
            }
            return;
        }
        int tiles = rows / ByteTileCode.HIGHEST;
        arguments
                .set(ByteTileCode.Field.PANEL, group)
                .set(ByteTileCode.Field.FOURS, fours)
                .set(ByteTileCode.Field.IN_STRIDE, in.stride())
                .set(ByteTileCode.Field.TO_STRIDE, Tiles.PANEL_ROW)
                .set(ByteTileCode.Field.AHEAD, ahead)
                .set(ByteTileCode.Field.AHEAD_COUNT, Math.ceilDiv(lines, Math.max(1, tiles)));
        if (tiles > 0) {
            long next = ByteTileCode.HIGHEST * in.stride() - 4L * fours;
            run(ByteTileCode.HIGHEST, tiles, in.address(), next, scales, to);
        }
        int first = tiles * ByteTileCode.HIGHEST;
        if (first < rows) {
            long scale = scales + (long) first * Float.BYTES;
            run(rows - first, 1, in.from(first).address(), 0, scale, to + first * Tiles.PANEL_ROW);
        }
    }

    private void run(int height, int tiles, long in, long toNextTile, long scales, long to) {
        arguments
                .set(ByteTileCode.Field.IN, in)
                .set(ByteTileCode.Field.IN_TO_NEXT_TILE, toNextTile)
                .set(ByteTileCode.Field.SCALES, scales)
                .set(ByteTileCode.Field.TO, to)
                .set(ByteTileCode.Field.TILES, tiles)
                .call(Functions.byteTile(height));
    }

    private void run(
            AmxConfigs configs, int height, int rows, int tiles, long in, long toNextTile, long scales, long to) {
        amxArguments
                .set(AmxByteTileCode.Field.CONFIG, configs.address(Math.min(rows, Tmm.ROWS)))
                .set(AmxByteTileCode.Field.IN, in)
                .set(AmxByteTileCode.Field.IN_TO_NEXT_TILE, toNextTile)
                .set(AmxByteTileCode.Field.SCALES, scales)
                .set(AmxByteTileCode.Field.TO, to)
                .set(AmxByteTileCode.Field.TILES, tiles)
                .set(AmxByteTileCode.Field.ROWS, rows)
                .call(Functions.amxByteTile(height));
    }
}
