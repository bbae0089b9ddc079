package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;

import java.util.List;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.Matrix;

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
public final class WeightedSumCode implements WeightedSumLoops.Tile {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 12;

    /// The bytes of a row's sums.
    public static final int SUM_ROW = Matrix.PANEL * Float.BYTES;

    /// The operands, of which addresses are of native memory.
    public enum Field {
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
        WeightedSumLoops.write(code.asm, format, height, code);
        return code.asm.code();
    }

    @Override
    public void enter() {
        asm.vbroadcastss(UPPER_HALF, Arguments.of(RDI, Field.UPPER_HALF));
    }

    @Override
    public void load() {
        sums.each((row, half, sum) -> asm.vmovups(sum, sumAddress(row, half)));
    }

    @Override
    public void correct() {
        sums.each((row, half, sum) -> asm.vmulps(
                sum,
                sum,
                Address.at(WeightedSumLoops.CORRECTION, row * Float.BYTES).toAllLanes()));
    }

    @Override
    public void store() {
        sums.each((row, half, sum) -> asm.vmovups(sumAddress(row, half), sum));
    }

    @Override
    public void key(int key) {
        Zmm left = LEFT.get(key % LEFT.size());
        Zmm right = RIGHT.get(key % RIGHT.size());
        loadValues(left, right, key * WeightedSumLoops.valueRow(format));
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, Address.at(WeightedSumLoops.PROBABILITY, row * Float.BYTES));
            asm.vfmadd231ps(TileSums.of(row, 0), x, left);
            asm.vfmadd231ps(TileSums.of(row, 1), x, right);
        }
    }

    /// Loads the values of a key. A vector of words of bfloat16 has the left columns in the lower halves, and the
    /// right ones in the upper halves.
    private void loadValues(Zmm left, Zmm right, int offset) {
        asm.vmovups(left, Address.at(WeightedSumLoops.VALUES, offset));
        switch (format) {
            case F32 -> asm.vmovups(right, Address.at(WeightedSumLoops.VALUES, offset + Zmm.BYTES));
            case BF16 -> WidenCode.halves(asm, left, right, UPPER_HALF);
            case INT8 -> throw new IllegalStateException("integers are widened before");
        }
    }

    private static Address sumAddress(int row, int half) {
        return Address.at(WeightedSumLoops.SUMS, row * SUM_ROW + half * Zmm.BYTES);
    }
}
