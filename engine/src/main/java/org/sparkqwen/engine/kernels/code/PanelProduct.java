package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.util.Objects;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.HalfByteCode;
import org.sparkqwen.engine.kernels.code.builder.IntegerCode;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.builder.ScaleCode;
import org.sparkqwen.engine.kernels.code.builder.TileKind;
import org.sparkqwen.engine.kernels.code.builder.WidenCode;
import org.sparkqwen.engine.kernels.code.builder.WidenIntegersCode;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.format.WidenedFormat;

/// The loops around the micro-kernels. They order the product of a block of rows and some panels so that both are in
/// the core's own caches when they are needed. Each thread has its own.
///
/// **In float32 with many rows**, a piece of a panel stays in the first-level cache as float32 while all rows of the
/// block pass ([RowBlock]), and bfloat16 and integers are widened once a piece.
///
/// **In float32 with few rows**, the weights pass once and come from memory. Rows and panels are read where they lie,
/// bfloat16 and integers are widened in the loop, and the loop requests the next panel.
///
/// **In bfloat16**, a piece of a panel is paired once ([PanelPairs]) while all rows of the block pass. With few rows,
/// pairs are joined in the loop.
///
/// **In 8 bits**, all rows of the block meet a group of 128 inputs of a panel where it lies. Integers of 4 bits are
/// brought to 8 bits once a group. With few rows, one call passes over all groups of a panel, and brings integers of 4
/// bits to 8 bits in the loop.
///
/// Results go straight to their destination with the last piece. Only a bias, an incomplete panel, or an operation that
/// needs several sums at once leaves them in [#sums].
final class PanelProduct implements AutoCloseable {
    /// The number of rows of a block: a multiple of a tile's, in float32 and on AMX.
    static final int ROWS = 288;

    /// The number of panels whose sums there is room for: a chunk of the head's logits.
    static final int PANELS = LogSumExp.CHUNK / PANEL;

    /// The most rows for which pairs of bfloat16 numbers are joined in the loop: more rows need several tiles,
    /// which would join the same pairs again.
    private static final int MOST_JOINED = 16;

    private static final int SUMS_BYTES = ROWS * PANELS * PANEL * Float.BYTES;
    private static final int WIDENED_BYTES = RowBlock.INPUTS_OF_FEW * PANEL * Float.BYTES;

    private final Scratch fixed = new Scratch();
    private final long sums = fixed.address(SUMS_BYTES + WIDENED_BYTES + PanelPairs.BYTES); // [panels][rows][32]
    private final long widened = sums + SUMS_BYTES; // [inputs][32]
    private final PanelPairs pairs = new PanelPairs(widened + WIDENED_BYTES);
    private final RowBlock block;
    private final Tiles tiles;
    private final AmxTiles amxTiles = new AmxTiles();
    private final Arguments widening = new Arguments().set(WidenCode.Field.UPPER_HALF, WidenCode.UPPER_HALF);
    private final Arguments addition = new Arguments().set(ScaleCode.Field.FACTOR, Float.floatToRawIntBits(1f));
    private final Arguments integers = new Arguments();
    private final Arguments halfBytes = new Arguments().set(HalfByteCode.Field.CONSTANTS, HalfByteCode.constants());
    private final ByteTiles byteTiles;
    private final Precision precision;
    private final Functions functions;

    PanelProduct(Precision precision, Functions functions) {
        this.precision = precision;
        this.functions = functions;
        block = new RowBlock(functions.set);
        tiles = new Tiles(functions);
        byteTiles = new ByteTiles(CodeProvider.hasAmxBytes());
    }

    /// The bytes of native memory that an instance takes for rows of `inputs` numbers.
    static long bytes(int inputs) {
        return SUMS_BYTES + WIDENED_BYTES + PanelPairs.BYTES + RowBlock.bytes(ROWS, inputs);
    }

    /// The number of rows of each block but the last, when `rows` rows are cut into blocks of about the same
    /// length.
    int blockRows(int rows) {
        int tile = precision == Precision.FLOAT32 ? TileKind.MANY.highest() : AmxTiles.HIGHEST;
        int even = Math.ceilDiv(rows, Math.max(1, Math.ceilDiv(rows, ROWS)));
        return Math.clamp(Math.ceilDiv(even, tile) * (long) tile, 1, ROWS);
    }

    /// Takes a block of rows that follow each other.
    ///
    /// @param number a number that no other block has had in this thread, unless it is the same one
    /// @param address of `[rows, inputs]`
    void take(long number, long address, int rows, int inputs) {
        block.take(number, address, rows, inputs);
    }

    /// Takes a block of rows that lie anywhere.
    ///
    /// @param rowAddress gives the address of each row
    void take(long number, IntToLongFunction rowAddress, int rows, int inputs) {
        block.take(number, rowAddress, rows, inputs);
    }

    /// The number of rows that are taken.
    int rows() {
        return block.rows();
    }

    /// The address of a panel's sums, `[rows][32]`.
    ///
    /// @param slot the panel's place among those whose sums are kept
    long sums(int slot) {
        return sums + slot * sumsStride();
    }

    /// The distance from a panel's sums to the next panel's in bytes.
    long sumsStride() {
        return block.rows() * Tiles.PANEL_ROW;
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
        Arithmetic arithmetic = precision.arithmetic(weight.format());
        switch (arithmetic) {
            case FLOATS -> multiplyFloats(weight, firstPanel, panels, slot, to, adds);
            case PAIRS, BLOCKS, SPLIT_BLOCKS -> multiplyRounded(arithmetic, weight, firstPanel, panels, slot, to, adds);
            case INTEGERS -> multiplyIntegers(weight, firstPanel, panels, slot, to, adds);
        }
    }

    private void multiplyFloats(Matrix weight, int firstPanel, int panels, int slot, @Nullable Rows to, boolean adds) {
        int inputs = block.inputs();
        int piece = block.piece();
        long panelBytes = weight.format().panelBytes(inputs);
        long first = weight.panelAddress(firstPanel);
        for (int input = 0; input < inputs; input += piece) {
            int length = Math.min(piece, inputs - input);
            boolean last = input + length == inputs;
            Rows in = block.floats(input, length);
            for (int panel = 0; panel < panels; panel++) {
                long stored = first + panel * panelBytes;
                boolean more = panel < panels - 1;
                long next = block.isFew() ? next(weight, firstPanel + panel) : more ? stored + panelBytes : first;
                TileKind kind = read(weight, stored, input, length, next);
                Rows sum = new Rows(sums(slot + panel), Tiles.PANEL_ROW);
                Rows out = last && to != null ? panelOf(to, panel) : sum;
                tiles.multiply(kind, length, in, rows(), input == 0 ? Rows.ZEROS : sum, out, last && adds);
            }
        }
    }

    /// The address of the panel that is probably needed after one of few rows, which a thread takes one after the
    /// other.
    private static long next(Matrix weight, int panel) {
        return weight.panelAddress(Math.min(panel + 1, weight.panelCount() - 1));
    }

    private static Rows panelOf(Rows to, int panel) {
        return new Rows(to.address() + panel * Tiles.PANEL_ROW, to.stride());
    }

    private void multiplyRounded(
            Arithmetic arithmetic,
            Matrix weight,
            int firstPanel,
            int panels,
            int slot,
            @Nullable Rows to,
            boolean adds) {
        int inputs = block.inputs();
        int rows = rows();
        long panelBytes = weight.format().panelBytes(inputs);
        long first = weight.panelAddress(firstPanel);
        for (int input = 0; input < inputs; input += RowBlock.ROUNDED_INPUTS) {
            int length = Math.min(RowBlock.ROUNDED_INPUTS, inputs - input);
            int blocks = Math.ceilDiv(length, Arithmetic.BLOCK);
            boolean last = input + length == inputs;
            Rows in = block.rounded(arithmetic.parts(), input);
            for (int panel = 0; panel < panels; panel++) {
                long stored = first + panel * panelBytes;
                boolean more = panel < panels - 1;
                long next = block.isFew() ? next(weight, firstPanel + panel) : more ? stored + panelBytes : first;
                long offset = next + (long) input * PANEL * Short.BYTES;
                int lines = weight.format() == KnownFormat.BF16 ? length * PANEL * Short.BYTES / Zmm.BYTES : 0;
                Rows sum = new Rows(sums(slot + panel), Tiles.PANEL_ROW);
                Rows from = input == 0 ? Rows.ZEROS : sum;
                if (arithmetic == Arithmetic.PAIRS) {
                    int count = blocks * Arithmetic.BLOCK / 2;
                    Rows out = last && to != null ? panelOf(to, panel) : sum;
                    TileKind kind = TileKind.PAIRS;
                    if (rows <= MOST_JOINED && lines > 0 && length == blocks * Arithmetic.BLOCK) {
                        kind = TileKind.FEW_PAIRS;
                        tiles.panel(stored + (long) input * PANEL * Short.BYTES, count)
                                .ahead(offset, 0, (long) lines / TileKind.STREAMS * Zmm.BYTES);
                    } else {
                        tiles.panel(paired(weight, stored, input, length), count)
                                .ahead(offset, Math.ceilDiv(lines, tileCount()), 0);
                    }
                    tiles.multiply(kind, count, in, rows, from, out, last && adds);
                } else {
                    long paired = paired(weight, stored, input, length);
                    Rows out = last && to != null && !adds ? panelOf(to, panel) : sum;
                    long secondPart = arithmetic.parts() == 2 ? block.secondPart() : 0;
                    amxTiles.panel(paired, blocks).ahead(offset, lines);
                    amxTiles.multiply(blocks, in, secondPart, rows, from, out);
                }
            }
        }
        if (adds && to != null && arithmetic != Arithmetic.PAIRS) {
            deliver(functions.addScaled, slot, panels, to);
        }
    }

    /// Pairs inputs of a panel.
    ///
    /// @param panel address of the whole panel
    /// @return the address of the pairs
    private long paired(Matrix weight, long panel, int input, int length) {
        return switch (weight.format()) {
            case KnownFormat.BF16 -> pairs.ofBf16(panel + (long) input * PANEL * Short.BYTES, length);
            case KnownFormat.F32 -> pairs.ofF32(panel + (long) input * PANEL * Float.BYTES, length);
            case KnownFormat.INT8, KnownFormat.INT4 -> {
                widen(IntegerLayout.of(weight.format()), panel, input, length);
                yield pairs.ofF32(widened, length);
            }
            case WidenedFormat other -> {
                widen(other, panel, input, length);
                yield pairs.ofF32(widened, length);
            }
        };
    }

    private void multiplyIntegers(
            Matrix weight, int firstPanel, int panels, int slot, @Nullable Rows to, boolean adds) {
        IntegerLayout layout = IntegerLayout.of(weight.format());
        int inputs = block.inputs();
        int groupInputs = layout.groupInputs();
        long panelBytes = layout.panelBytes(inputs);
        long first = weight.panelAddress(firstPanel);
        if (byteTiles.isFew(rows())) {
            Rows in = block.quantized(0);
            for (int panel = 0; panel < panels; panel++) {
                long stored = first + panel * panelBytes;
                Rows sum = new Rows(sums(slot + panel), Tiles.PANEL_ROW);
                Rows out = to != null && !adds ? panelOf(to, panel) : sum;
                long next = next(weight, firstPanel + panel);
                byteTiles.multiplyFew(layout, stored, inputs, in, block.scales(0), rows(), out, next);
            }
            if (adds && to != null) {
                deliver(functions.addScaled, slot, panels, to);
            }
            return;
        }
        for (int panel = 0; panel < panels; panel++) {
            long sum = sums(slot + panel);
            Memory.ALL.asSlice(sum, sumsStride()).fill((byte) 0);
            long stored = first + panel * panelBytes;
            for (int input = 0; input < inputs; input += groupInputs) {
                int length = Math.min(groupInputs, inputs - input);
                Rows in = block.quantized(input / IntegerProduct.GROUP);
                long group = stored + layout.groupOffset(input);
                int lines = Math.toIntExact(layout.panelBytes(length) / Zmm.BYTES);
                byteTiles.multiply(
                        inBytes(layout, group, length),
                        Math.ceilDiv(length, layout.wordInputs()) * layout.wordInputs() / Integer.BYTES,
                        new Rows(in.address() + input % IntegerProduct.GROUP, in.stride()),
                        block.scales(input / IntegerProduct.GROUP),
                        rows(),
                        sum,
                        panel < panels - 1 ? group + panelBytes : first,
                        lines);
            }
        }
        if (to != null) {
            deliver(adds ? functions.addScaled : functions.scale, slot, panels, to);
        }
    }

    /// The address of a group of integers as bytes: where it lies, or where it is brought from 4 bits.
    private long inBytes(IntegerLayout layout, long group, int length) {
        if (layout == IntegerLayout.INT8) {
            return group;
        }
        halfBytes
                .set(HalfByteCode.Field.FROM, group)
                .set(HalfByteCode.Field.TO, widened)
                .set(HalfByteCode.Field.ROWS, Math.ceilDiv(length, layout.wordInputs()))
                .call(RoundedFunctions.HALF_BYTES);
        return widened;
    }

    /// Brings the sums of complete panels to rows.
    ///
    /// @param function one of [ScaleCode]
    private void deliver(MachineCode function, int slot, int panels, Rows to) {
        addition.set(ScaleCode.Field.FROM_STRIDE, sumsStride()).set(ScaleCode.Field.PIECES, panels);
        for (int row = 0; row < rows(); row++) {
            addition.set(ScaleCode.Field.FROM, sums(slot) + row * Tiles.PANEL_ROW)
                    .set(ScaleCode.Field.TO, to.from(row).address())
                    .call(function);
        }
    }

    /// Makes inputs of a panel ready to be read by a kind of micro-kernel in float32.
    ///
    /// @param panel address of the whole panel
    /// @param next address of the panel that is needed next
    private TileKind read(Matrix weight, long panel, int input, int length, long next) {
        return switch (weight.format()) {
            case KnownFormat.F32 -> stored(TileKind.FEW_F32, panel, input, length, next, Float.BYTES);
            case KnownFormat.BF16 -> {
                if (block.isDirect()) {
                    yield stored(TileKind.FEW_BF16, panel, input, length, next, Short.BYTES);
                }
                long offset = (long) input * PANEL * Short.BYTES;
                widening.set(WidenCode.Field.FROM, panel + offset)
                        .set(WidenCode.Field.TO, widened)
                        .set(WidenCode.Field.INPUTS, length)
                        .call(functions.widen);
                int lines = Math.ceilDiv(length * PANEL * Short.BYTES, Zmm.BYTES);
                tiles.panel(widened, length).ahead(next + offset, Math.ceilDiv(lines, tileCount()), 0);
                yield TileKind.MANY;
            }
            case KnownFormat.INT8 -> integers(IntegerLayout.INT8, TileKind.FEW_INT8, panel, input, length, next);
            case KnownFormat.INT4 -> integers(IntegerLayout.INT4, TileKind.FEW_INT4, panel, input, length, next);
            case WidenedFormat other -> {
                widen(other, panel, input, length);
                tiles.panel(widened, length).ahead(0, 0, 0);
                yield TileKind.MANY;
            }
        };
    }

    private void widen(WidenedFormat format, long panel, int input, int length) {
        for (int i = 0; i < length * PANEL; i++) {
            float number = format.ofPanel(panel, block.inputs(), input + i / PANEL, i % PANEL);
            Memory.setFloat(widened + (long) i * Float.BYTES, number);
        }
    }

    /// Reads a panel where it lies.
    ///
    /// @param few the kind for few rows
    private TileKind stored(TileKind few, long panel, int input, int length, long next, int numberBytes) {
        long offset = (long) input * PANEL * numberBytes;
        int lines = Math.ceilDiv(length * PANEL * numberBytes, Zmm.BYTES);
        tiles.panel(panel + offset, length);
        if (block.isDirect()) {
            tiles.ahead(next + offset, 0, (long) Math.ceilDiv(lines, TileKind.STREAMS) * Zmm.BYTES);
            return few;
        }
        tiles.ahead(next + offset, Math.ceilDiv(lines, tileCount()), 0);
        return TileKind.MANY;
    }

    /// Makes integers ready: they are read where they lie, or widened for many rows.
    ///
    /// @param few the kind for few rows
    private TileKind integers(IntegerLayout layout, TileKind few, long panel, int input, int length, long next) {
        long offset = layout.groupOffset(input);
        int lines = Math.toIntExact(layout.panelBytes(length) / Zmm.BYTES);
        if (block.isDirect()) {
            tiles.integers(panel + offset, length, few);
            tiles.ahead(next + offset, 0, (long) Math.ceilDiv(lines, TileKind.STREAMS) * Zmm.BYTES);
            return few;
        }
        widen(layout, panel, input, length);
        tiles.panel(widened, length).ahead(next + offset, Math.ceilDiv(lines, tileCount()), 0);
        return TileKind.MANY;
    }

    private void widen(IntegerLayout layout, long panel, int input, int length) {
        integers.set(WidenIntegersCode.Field.FROM, panel + layout.groupOffset(input))
                .set(WidenIntegersCode.Field.TO, widened)
                .set(WidenIntegersCode.Field.ROWS, Math.ceilDiv(length, layout.wordInputs()))
                .set(WidenIntegersCode.Field.CONSTANTS, IntegerCode.constants(layout))
                .call(functions.widen(layout));
    }

    private int tileCount() {
        return Math.max(1, rows() / functions.highest(TileKind.MANY));
    }

    @Override
    public void close() {
        fixed.close();
        block.close();
    }
}
