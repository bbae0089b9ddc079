package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Matrix;

/// Writes the weighted sum of attention's values, for 32 columns and the keys of some blocks:
///
/// ```
/// for each tile of `height` rows:
///     for each block:
///         sum[row][0..31] *= corrections[block][row]
///         for each of its 32 keys, or the first few of the last block's:
///             sum[row][0..31] += probabilities[block][key][row] · values[block][key][0..31]
/// ```
///
/// A tile's sums stay in registers for all of these blocks, as in [TileCode].
final class WeightedSumCode {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 12;

    /// The bytes of a row's sums.
    static final int SUM_ROW = Matrix.PANEL * Float.BYTES;

    /// The operands, of which addresses are of native memory.
    enum Field {
        /// The addresses of the blocks' values, one after the other.
        BLOCKS,
        /// The number of blocks.
        COUNT,
        /// The number of turns of eight keys in the last block, from 1 to 4. The others have 4.
        LAST_TURNS,
        /// The distance from these addresses to the 32 columns, whose values are `[32 keys][32]`.
        COLUMNS,
        /// The first row's probability of the first key, `[blocks][32 keys][rows]`.
        PROBABILITIES,
        /// The distance from a key's probabilities to the next key's.
        KEY_STRIDE,
        /// The first row's correction, `[blocks][rows]` at the same distance.
        CORRECTIONS,
        /// The first row's sums, `[rows][32]`.
        SUMS,
        /// The number of tiles.
        TILES,
        /// Where the addresses of the rows' results are, which are requested, one after the other; 0 if none
        /// are written soon.
        OUT,
        /// The distance from these addresses to the 32 columns.
        OUT_COLUMNS,
        /// The distance from these addresses to what the next rows need of these columns, which is requested.
        NEXT_COLUMNS,
        /// The constant [WidenCode#UPPER_HALF].
        UPPER_HALF
    }

    /// The number of keys in one turn of the loop.
    static final int UNROLLED = 8;

    private static final Gpr PROBABILITY = RSI;
    private static final Gpr VALUES = RDX;
    private static final Gpr TURNS = RCX;
    private static final Gpr KEY_STRIDE = RAX;
    private static final Gpr SUMS = R8;
    private static final Gpr CORRECTION = R9;
    private static final Gpr BLOCK = R10;
    private static final Gpr BLOCKS_LEFT = R11;
    private static final Gpr ROW_BYTES = RBX;
    private static final Gpr TILES = R12;

    private static final List<Zmm> LEFT = List.of(new Zmm(24), new Zmm(26));
    private static final List<Zmm> RIGHT = List.of(new Zmm(25), new Zmm(27));
    private static final List<Zmm> BROADCAST = List.of(new Zmm(28), new Zmm(29), new Zmm(30));
    private static final Zmm UPPER_HALF = new Zmm(31);

    private final Assembler asm = new Assembler();
    private final KeyValueFormat format;
    private final int height;
    private final TileSums sums;

    private WeightedSumCode(KeyValueFormat format, int height) {
        this.format = format;
        this.height = height;
        sums = new TileSums(height);
    }

    /// @param format of the values
    /// @param height from 1 to [#HIGHEST]
    static byte[] of(KeyValueFormat format, int height) {
        WeightedSumCode code = new WeightedSumCode(format, height);
        code.write();
        return code.asm.code();
    }

    private void write() {
        Label tile = new Label();
        Label block = new Label();
        Label turn = new Label();
        asm.push(RBX);
        asm.push(R12);
        asm.mov(ROW_BYTES, 0);
        asm.mov(TILES, Arguments.of(RDI, Field.TILES));
        asm.mov(SUMS, Arguments.of(RDI, Field.SUMS));
        asm.mov(KEY_STRIDE, Arguments.of(RDI, Field.KEY_STRIDE));
        asm.vbroadcastss(UPPER_HALF, Arguments.of(RDI, Field.UPPER_HALF));
        asm.bind(tile);
        requestOut();
        asm.mov(PROBABILITY, Arguments.of(RDI, Field.PROBABILITIES));
        asm.add(PROBABILITY, ROW_BYTES);
        asm.mov(CORRECTION, Arguments.of(RDI, Field.CORRECTIONS));
        asm.add(CORRECTION, ROW_BYTES);
        asm.mov(BLOCK, Arguments.of(RDI, Field.BLOCKS));
        asm.mov(BLOCKS_LEFT, Arguments.of(RDI, Field.COUNT));
        sums.each((row, half, sum) -> asm.vmovups(sum, sumAddress(row, half)));

        asm.bind(block);
        asm.mov(VALUES, Address.at(BLOCK, 0));
        asm.add(VALUES, Arguments.of(RDI, Field.COLUMNS));
        sums.each((row, half, sum) ->
                asm.vmulps(sum, sum, Address.at(CORRECTION, row * Float.BYTES).toAllLanes()));
        asm.mov(TURNS, KeyValueBlock.TOKENS / UNROLLED);
        asm.cmp(BLOCKS_LEFT, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.mov(TURNS, Arguments.of(RDI, Field.LAST_TURNS));
        asm.bind(turn);
        for (int key = 0; key < UNROLLED; key++) {
            key(key);
        }
        asm.add(VALUES, UNROLLED * valueRow());
        asm.sub(TURNS, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.add(CORRECTION, KEY_STRIDE);
        asm.add(BLOCK, Long.BYTES);
        asm.sub(BLOCKS_LEFT, 1);
        asm.jump(Condition.NOT_EQUAL, block);

        sums.each((row, half, sum) -> asm.vmovups(sumAddress(row, half), sum));
        asm.add(ROW_BYTES, height * Float.BYTES);
        asm.add(SUMS, height * SUM_ROW);
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        asm.vzeroupper();
        asm.pop(R12);
        asm.pop(RBX);
        asm.ret();
    }

    /// Requests the lines that the tile's rows will be written to, and those that the next rows will be read from.
    private void requestOut() {
        Gpr table = R11;
        Gpr row = RDX;
        Gpr columns = R9;
        Gpr next = R10;
        Label none = new Label();
        asm.mov(table, Arguments.of(RDI, Field.OUT));
        asm.cmp(table, 0);
        asm.jump(Condition.EQUAL, none);
        asm.lea(table, Address.at(table, ROW_BYTES, Long.BYTES / Float.BYTES, 0));
        asm.mov(columns, Arguments.of(RDI, Field.OUT_COLUMNS));
        asm.mov(next, Arguments.of(RDI, Field.NEXT_COLUMNS));
        for (int i = 0; i < height; i++) {
            asm.mov(row, Address.at(table, i * Long.BYTES));
            for (int half = 0; half < TileSums.HALVES; half++) {
                asm.prefetchw(Address.at(row, columns, 1, half * Zmm.BYTES));
                asm.prefetcht1(Address.at(row, next, 1, half * Zmm.BYTES));
            }
        }
        asm.bind(none);
    }

    private void key(int key) {
        Zmm left = LEFT.get(key % LEFT.size());
        Zmm right = RIGHT.get(key % RIGHT.size());
        loadValues(left, right, key * valueRow());
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, Address.at(PROBABILITY, row * Float.BYTES));
            asm.vfmadd231ps(TileSums.of(row, 0), x, left);
            asm.vfmadd231ps(TileSums.of(row, 1), x, right);
        }
        asm.add(PROBABILITY, KEY_STRIDE);
    }

    /// Loads the values of a key. A vector of words of bfloat16 has the left columns in the lower halves, and the
    /// right ones in the upper halves.
    private void loadValues(Zmm left, Zmm right, int offset) {
        asm.vmovups(left, Address.at(VALUES, offset));
        switch (format) {
            case F32 -> asm.vmovups(right, Address.at(VALUES, offset + Zmm.BYTES));
            case BF16 -> WidenCode.halves(asm, left, right, UPPER_HALF);
            case INT8 -> throw new IllegalStateException("integers are widened before");
        }
    }

    private int valueRow() {
        return Matrix.PANEL * format.bytes();
    }

    private static Address sumAddress(int row, int half) {
        return Address.at(SUMS, row * SUM_ROW + half * Zmm.BYTES);
    }
}
