package org.sparkqwen.engine.kernels.code;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.AmxByteTileCode;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.ByteTileCode;
import org.sparkqwen.engine.kernels.code.builder.ByteTileKind;
import org.sparkqwen.engine.kernels.code.builder.HalfByteCode;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.builder.TileKind;
import org.sparkqwen.engine.kernels.code.x86.Tmm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;

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
        arguments.set(ByteTileCode.Field.CONSTANTS, HalfByteCode.constants());
    }

    /// Whether so many rows are few for these instructions. Tiles of AMX pay from more rows on than a tile has.
    boolean isFew(int rows) {
        return rows < RowBlock.MANY && !(amx && rows > ByteTileKind.FEW_INT8.highest());
    }

    /// Computes `to[row][0..31] = Σ scale[row] · in[row][input] · panel[input][0..31]` for few rows.
    ///
    /// @param panel address of the panel
    /// @param in `[rows][inputs]` bytes
    /// @param scales address of `[32 inputs][rows]`
    /// @param to `[rows][32]`
    /// @param ahead address of the panel that is needed next
    void multiplyFew(
            IntegerLayout layout, long panel, int inputs, Rows in, long scales, int rows, Rows to, long ahead) {
        ByteTileKind kind = ByteTileKind.few(layout);
        int groupInputs = layout.groupInputs();
        int whole = inputs / groupInputs * groupInputs;
        long streamBytes = Math.ceilDiv(layout.panelBytes(inputs), (long) TileKind.STREAMS * Zmm.BYTES) * Zmm.BYTES;
        arguments
                .set(ByteTileCode.Field.IN_STRIDE, in.stride())
                .set(ByteTileCode.Field.IN_TO_NEXT_TILE, 0)
                .set(ByteTileCode.Field.IN_TO_NEXT_GROUP, 0)
                .set(ByteTileCode.Field.TO_STRIDE, to.stride())
                .set(ByteTileCode.Field.AHEAD_STRIDE, streamBytes);
        for (int first = 0; first < rows; ) {
            int height = Math.ceilDiv(rows - first, Math.ceilDiv(rows - first, kind.highest()));
            long scale = scales + (long) first * Float.BYTES;
            if (whole > 0) {
                arguments.set(ByteTileCode.Field.AHEAD, ahead);
                runFew(kind, height, panel, 0, whole, groupInputs, in.from(first), scale, rows, to.from(first));
            }
            if (whole < inputs) {
                arguments.set(ByteTileCode.Field.AHEAD, ahead + layout.groupOffset(whole) / TileKind.STREAMS);
                runFew(kind, height, panel, whole, inputs, inputs - whole, in.from(first), scale, rows, to.from(first));
            }
            first += height;
            arguments.set(ByteTileCode.Field.AHEAD_STRIDE, 0); // the first tile has requested all of it
        }
    }

    /// @param from the first input of the first group
    /// @param end the input after the last group
    /// @param groupInputs the number of inputs of each of these groups
    private void runFew(
            ByteTileKind kind,
            int height,
            long panel,
            int from,
            int end,
            int groupInputs,
            Rows in,
            long scales,
            int rows,
            Rows to) {
        IntegerLayout layout = kind.layout();
        int wordRows = Math.ceilDiv(groupInputs, layout.wordInputs());
        int turnRows = ByteTileCode.turnRows(kind);
        long scaleStep = (long) rows * layout.groupInputs() / RowBlock.SCALED_INPUTS * Float.BYTES;
        arguments
                .set(ByteTileCode.Field.PANEL, panel + layout.groupOffset(from))
                .set(ByteTileCode.Field.PANEL_END, panel + layout.panelBytes(end))
                .set(ByteTileCode.Field.TURNS, wordRows / turnRows)
                .set(ByteTileCode.Field.REST, wordRows % turnRows)
                .set(ByteTileCode.Field.IN, in.address() + from)
                .set(ByteTileCode.Field.SCALES, scales + from / RowBlock.SCALED_INPUTS * (long) rows * Float.BYTES)
                .set(ByteTileCode.Field.SCALES_TO_NEXT_GROUP, scaleStep - (long) kind.highest() * Float.BYTES)
                .set(ByteTileCode.Field.TO, to.address())
                .set(ByteTileCode.Field.TILES, 1)
                .set(ByteTileCode.Field.BEGINS, from == 0 ? 1 : 0)
                .call(RoundedFunctions.byteTile(kind, height));
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
        int highest = ByteTileKind.MANY.highest();
        int tiles = rows / highest;
        arguments
                .set(ByteTileCode.Field.PANEL, group)
                .set(
                        ByteTileCode.Field.PANEL_END,
                        group + 2 * ByteTileCode.HEADER_ROW + (long) fours * ByteTileCode.FOUR_ROW)
                .set(ByteTileCode.Field.TURNS, fours)
                .set(ByteTileCode.Field.IN_STRIDE, in.stride())
                .set(ByteTileCode.Field.TO_STRIDE, Tiles.PANEL_ROW)
                .set(ByteTileCode.Field.AHEAD, ahead)
                .set(ByteTileCode.Field.AHEAD_COUNT, Math.ceilDiv(lines, Math.max(1, tiles)));
        if (tiles > 0) {
            long next = highest * in.stride() - 4L * fours;
            run(highest, tiles, in.address(), next, scales, to);
        }
        int first = tiles * highest;
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
                .call(RoundedFunctions.byteTile(ByteTileKind.MANY, height));
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
                .call(RoundedFunctions.amxByteTile(height));
    }
}
