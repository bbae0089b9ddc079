package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.Matrix.PANEL;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.IntegerLayout;
import org.sparkqwen.engine.kernels.KnownFormat;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Matrix;
import org.sparkqwen.engine.kernels.Memory;
import org.sparkqwen.engine.kernels.WidenedFormat;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;

/// The loops around the micro-kernel. They order the product of a block of rows and some panels so that both are in the
/// core's own caches when they are needed. Each thread has its own.
///
/// **With many rows**, a thread copies its block into memory of its own, in pieces of some inputs:
/// `[piece][row][inputs of the piece]`. So the rows of a tile are contiguous. In the batch they are at a stride that is
/// often a power of two, and then a few sets of the first-level cache would have to hold them all. A piece of a panel
/// stays in the first-level cache as float32 while all rows of the block pass, and bfloat16 and integers are widened
/// once a piece. The copy serves all panels of an operation that the thread takes.
///
/// **With few rows**, the weights pass once and come from memory. Rows and panels are read where they lie, bfloat16
/// and integers are widened in the loop, and the loop requests the next panel.
///
/// Results go straight to their destination with the last piece. Only a bias, an incomplete panel, or an operation that
/// needs several sums at once leaves them in [#sums].
final class PanelProduct implements AutoCloseable {
    /// The number of rows of a block: a multiple of a tile's.
    static final int ROWS = 288;

    /// The least number of rows that counts as many.
    static final int MANY = 96;

    /// The number of panels whose sums there is room for: a chunk of the head's logits.
    static final int PANELS = LogSumExp.CHUNK / PANEL;

    /// With many rows, the number of inputs of a piece: 32 kB of a panel, 12 kB of a tile.
    private static final int INPUTS_OF_MANY = 256;

    /// With few rows, the number of inputs of a piece.
    private static final int INPUTS_OF_FEW = 1024;

    private static final int SUMS_BYTES = ROWS * PANELS * PANEL * Float.BYTES;
    private static final int WIDENED_BYTES = INPUTS_OF_FEW * PANEL * Float.BYTES;

    private final Scratch fixed = new Scratch();
    private final Scratch copies = new Scratch();
    private final long sums = fixed.address(SUMS_BYTES + WIDENED_BYTES); // [panels][rows][32]
    private final long widened = sums + SUMS_BYTES; // [inputs][32]
    private final Tiles tiles = new Tiles();
    private final Arguments arguments = new Arguments().set(WidenCode.Field.UPPER_HALF, WidenCode.UPPER_HALF);

    private final Arguments integers = new Arguments();

    private long block = -1; // the number of the block that is taken
    private int rows;
    private int inputs;
    private int piece;
    private long direct; // address of the rows where they lie; 0 if they are copied

    /// The bytes of native memory that an instance takes for rows of `inputs` numbers.
    static long bytes(int inputs) {
        return SUMS_BYTES + WIDENED_BYTES + (long) ROWS * inputs * Float.BYTES;
    }

    /// The number of rows of each block but the last, when `rows` rows are cut into blocks of about the same
    /// length.
    static int blockRows(int rows) {
        int even = Math.ceilDiv(rows, Math.max(1, Math.ceilDiv(rows, ROWS)));
        return Math.clamp(Math.ceilDiv(even, TileCode.HIGHEST) * (long) TileCode.HIGHEST, 1, ROWS);
    }

    /// Takes a block of rows that follow each other.
    ///
    /// @param block a number that no other block has had in this thread, unless it is the same one
    /// @param address of `[rows, inputs]`
    void take(long block, long address, int rows, int inputs) {
        if (rows < MANY) {
            this.block = block;
            this.rows = rows;
            this.inputs = inputs;
            piece = evenPiece(inputs, INPUTS_OF_FEW);
            direct = address;
        } else {
            long rowBytes = (long) inputs * Float.BYTES;
            take(block, row -> address + row * rowBytes, rows, inputs);
        }
    }

    /// Takes a block of rows that lie anywhere.
    ///
    /// @param rowAddress gives the address of each row
    void take(long block, IntToLongFunction rowAddress, int rows, int inputs) {
        if (this.block == block) {
            return;
        }
        this.block = block;
        this.rows = rows;
        this.inputs = inputs;
        piece = evenPiece(inputs, INPUTS_OF_MANY);
        direct = 0;
        long to = copies.address((long) rows * inputs * Float.BYTES);
        for (int row = 0; row < rows; row++) {
            long from = rowAddress.applyAsLong(row);
            for (int input = 0; input < inputs; input += piece) {
                long bytes = (long) Math.min(piece, inputs - input) * Float.BYTES;
                long at = to + (long) input * rows * Float.BYTES + row * bytes;
                MemorySegment.copy(Memory.ALL, from + (long) input * Float.BYTES, Memory.ALL, at, bytes);
            }
        }
    }

    /// The number of inputs of a piece, which starts with a group of integers.
    private static int evenPiece(int inputs, int most) {
        int even = Math.ceilDiv(inputs, Math.ceilDiv(inputs, most));
        return Math.ceilDiv(even, IntegerLayout.GROUPS) * IntegerLayout.GROUPS;
    }

    private Rows in(int input, int length) {
        return direct != 0
                ? new Rows(direct + (long) input * Float.BYTES, (long) inputs * Float.BYTES)
                : new Rows(copies.address(0) + (long) input * rows * Float.BYTES, (long) length * Float.BYTES);
    }

    /// The number of rows that are taken.
    int rows() {
        return rows;
    }

    /// The address of a panel's sums, `[rows][32]`.
    ///
    /// @param slot the panel's place among those whose sums are kept
    long sums(int slot) {
        return sums + slot * sumsStride();
    }

    /// The distance from a panel's sums to the next panel's in bytes.
    long sumsStride() {
        return rows * Tiles.PANEL_ROW;
    }

    /// Multiplies the rows with some panels, and leaves the results in [#sums].
    ///
    /// @param slot the first panel's place there
    void multiply(Matrix weight, int firstPanel, int panels, int slot) {
        multiply(weight, firstPanel, panels, slot, null, false);
    }

    /// Multiplies the rows with some complete panels.
    ///
    /// @param to the first panel's results, a row after the other
    /// @param adds whether the results are added to what is there
    void multiply(Matrix weight, int firstPanel, int panels, Rows to, boolean adds) {
        multiply(weight, firstPanel, panels, 0, to, adds);
    }

    private void multiply(Matrix weight, int firstPanel, int panels, int slot, @Nullable Rows to, boolean adds) {
        Objects.checkFromIndexSize(firstPanel, panels, weight.panelCount());
        Objects.checkFromIndexSize(slot, panels, PANELS);
        long panelBytes = weight.format().panelBytes(inputs);
        long first = weight.panelAddress(firstPanel);
        for (int input = 0; input < inputs; input += piece) {
            int length = Math.min(piece, inputs - input);
            boolean last = input + length == inputs;
            Rows in = in(input, length);
            for (int panel = 0; panel < panels; panel++) {
                long stored = first + panel * panelBytes;
                boolean more = panel < panels - 1;
                TileKind kind = read(weight, stored, input, length, more ? stored + panelBytes : first);
                Rows sum = new Rows(sums(slot + panel), Tiles.PANEL_ROW);
                Rows out = last && to != null ? new Rows(to.address() + panel * Tiles.PANEL_ROW, to.stride()) : sum;
                tiles.multiply(kind, length, in, rows, input == 0 ? Rows.ZEROS : sum, out, last && adds);
            }
        }
    }

    /// Makes inputs of a panel ready to be read by a kind of micro-kernel.
    ///
    /// @param panel address of the whole panel
    /// @param next address of the panel that is needed next
    private TileKind read(Matrix weight, long panel, int input, int length, long next) {
        return switch (weight.format()) {
            case KnownFormat.F32 -> stored(TileKind.FEW_F32, panel, input, length, next, Float.BYTES);
            case KnownFormat.BF16 -> {
                if (direct != 0) {
                    yield stored(TileKind.FEW_BF16, panel, input, length, next, Short.BYTES);
                }
                long offset = (long) input * PANEL * Short.BYTES;
                arguments
                        .set(WidenCode.Field.FROM, panel + offset)
                        .set(WidenCode.Field.TO, widened)
                        .set(WidenCode.Field.INPUTS, length)
                        .call(Functions.WIDEN);
                int lines = Math.ceilDiv(length * PANEL * Short.BYTES, Zmm.BYTES);
                tiles.panel(widened, length).ahead(next + offset, Math.ceilDiv(lines, tileCount()), 0);
                yield TileKind.MANY;
            }
            case KnownFormat.INT8 ->
                integers(IntegerLayout.INT8, TileKind.FEW_INT8, Functions.WIDEN_INT8, panel, input, length, next);
            case KnownFormat.INT4 ->
                integers(IntegerLayout.INT4, TileKind.FEW_INT4, Functions.WIDEN_INT4, panel, input, length, next);
            case WidenedFormat other -> {
                for (int i = 0; i < length * PANEL; i++) {
                    float number = other.ofPanel(panel, inputs, input + i / PANEL, i % PANEL);
                    Memory.setFloat(widened + (long) i * Float.BYTES, number);
                }
                tiles.panel(widened, length).ahead(0, 0, 0);
                yield TileKind.MANY;
            }
        };
    }

    /// Reads a panel where it lies.
    ///
    /// @param few the kind for few rows
    private TileKind stored(TileKind few, long panel, int input, int length, long next, int numberBytes) {
        long offset = (long) input * PANEL * numberBytes;
        int lines = Math.ceilDiv(length * PANEL * numberBytes, Zmm.BYTES);
        tiles.panel(panel + offset, length);
        if (direct != 0) {
            tiles.ahead(next + offset, 0, (long) Math.ceilDiv(lines, TileCode.STREAMS) * Zmm.BYTES);
            return few;
        }
        tiles.ahead(next + offset, Math.ceilDiv(lines, tileCount()), 0);
        return TileKind.MANY;
    }

    /// Makes integers ready: they are read where they lie, or widened for many rows.
    ///
    /// @param few the kind for few rows
    private TileKind integers(
            IntegerLayout layout, TileKind few, MachineCode widen, long panel, int input, int length, long next) {
        long offset = layout.groupOffset(input);
        int lines = Math.toIntExact(layout.panelBytes(length) / Zmm.BYTES);
        if (direct != 0) {
            tiles.integers(panel + offset, length, few);
            tiles.ahead(next + offset, 0, (long) Math.ceilDiv(lines, TileCode.STREAMS) * Zmm.BYTES);
            return few;
        }
        integers.set(WidenIntegersCode.Field.FROM, panel + offset)
                .set(WidenIntegersCode.Field.TO, widened)
                .set(WidenIntegersCode.Field.ROWS, Math.ceilDiv(length, layout.wordInputs()))
                .set(WidenIntegersCode.Field.CONSTANTS, IntegerCode.constants(layout))
                .call(widen);
        tiles.panel(widened, length).ahead(next + offset, Math.ceilDiv(lines, tileCount()), 0);
        return TileKind.MANY;
    }

    private int tileCount() {
        return Math.max(1, rows / TileCode.HIGHEST);
    }

    @Override
    public void close() {
        fixed.close();
        copies.close();
    }
}
