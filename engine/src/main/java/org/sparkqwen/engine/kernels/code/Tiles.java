package org.sparkqwen.engine.kernels.code;

import java.util.Objects;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.IntegerCode;
import org.sparkqwen.engine.kernels.code.builder.TileField;
import org.sparkqwen.engine.kernels.code.builder.TileKind;
import org.sparkqwen.engine.kernels.code.builder.WidenCode;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Multiplies rows with panels: it cuts the rows into tiles and calls the micro-kernels of `TileCode`. Each thread has
/// its own.
///
/// All operands are addresses of native memory that the caller has checked, and distances in bytes.
final class Tiles {
    private final Arguments arguments = new Arguments().set(TileField.UPPER_HALF, WidenCode.UPPER_HALF);
    private final Functions functions;

    Tiles(Functions functions) {
        this.functions = functions;
    }

    /// Rows of numbers.
    ///
    /// @param address of the first row's first number
    /// @param stride from a row to the next
    record Rows(long address, long stride) {
        static final Rows ZEROS = new Rows(0, 0);

        Rows from(int row) {
            return address == 0 ? this : new Rows(address + row * stride, stride);
        }
    }

    /// Sets the panel and the number of its inputs for the next products.
    Tiles panel(long panel, int inputs) {
        return panel(panel, inputs, TileKind.MANY.turnInputs());
    }

    /// Sets a panel of integers, read where it lies, for the next products.
    ///
    /// @param panel address of the group of the first input
    /// @param kind the kind of these products, which has integers
    Tiles integers(long panel, int inputs, TileKind kind) {
        IntegerLayout layout = Objects.requireNonNull(kind.integers());
        arguments
                .set(TileField.CONSTANTS, IntegerCode.constants(layout))
                .set(TileField.GROUPS, Math.ceilDiv(inputs, layout.groupInputs()));
        return panel(panel, inputs, kind.turnInputs());
    }

    private Tiles panel(long panel, int inputs, int turnInputs) {
        arguments
                .set(TileField.PANEL, panel)
                .set(TileField.TURNS, inputs / turnInputs)
                .set(TileField.REST, inputs % turnInputs);
        return this;
    }

    /// Sets what is needed after the panel, and requests nothing if `lines` is 0.
    ///
    /// @param lines number of cache lines that each tile requests before its loop
    /// @param stride distance between four places that a loop requests in turns
    Tiles ahead(long address, int lines, long stride) {
        arguments
                .set(TileField.AHEAD, address)
                .set(TileField.AHEAD_COUNT, lines)
                .set(TileField.AHEAD_STRIDE, stride);
        return this;
    }

    /// Computes `to[row] = from[row] + Σ in[row][input] · panel[input]`, for 32 outputs of each row.
    ///
    /// @param in `[rows][inputs]`
    /// @param from `[rows][32]`, or [Rows#ZEROS]
    /// @param to `[rows][32]`; may be `from`
    /// @param adds whether the result is added to what `to` holds
    void multiply(TileKind kind, int inputs, Rows in, int rows, Rows from, Rows to, boolean adds) {
        long passed = (long) inputs * Float.BYTES; // by a tile's loop
        arguments
                .set(TileField.IN_STRIDE, in.stride())
                .set(TileField.FROM_STRIDE, from.stride())
                .set(TileField.TO_STRIDE, to.stride())
                .set(TileField.ADDS, adds ? 1 : 0);
        int highest = functions.highest(kind);
        int first = 0;
        if (!kind.ahead() && rows >= highest) {
            int tiles = rows / highest;
            run(kind, highest, tiles, in.address(), highest * in.stride() - passed, from, to);
            first = tiles * highest;
        }
        while (first < rows) {
            int height = Math.ceilDiv(rows - first, Math.ceilDiv(rows - first, highest));
            run(kind, height, 1, in.address() + first * in.stride(), 0, from.from(first), to.from(first));
            first += height;
            arguments.set(TileField.AHEAD_STRIDE, 0); // the first tile has requested all of it
        }
    }

    private void run(TileKind kind, int height, int tiles, long in, long toNextTile, Rows from, Rows to) {
        arguments
                .set(TileField.IN, in)
                .set(TileField.IN_TO_NEXT_TILE, toNextTile)
                .set(TileField.FROM, from.address())
                .set(TileField.TO, to.address())
                .set(TileField.TILES, tiles)
                .call(functions.tile(kind, height));
    }

    /// The distance from a row of 32 float32 numbers to the next.
    static final long PANEL_ROW = (long) Matrix.PANEL * Float.BYTES;
}
