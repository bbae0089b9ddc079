package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.Gpr.R13;
import static org.sparkqwen.engine.kernels.code.Gpr.R14;
import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.RBP;
import static org.sparkqwen.engine.kernels.code.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.Matrix;

/// Writes the micro-kernel for rows in 8 bits: the products of tiles of rows with one group of inputs of a panel of
/// integers.
///
/// VPDPBUSD multiplies four bytes without a sign by four with one, and adds the products to a sum of 32 bits. Rows have
/// bytes without a sign, 128 more than their integers, so each sum begins at -128 times the sum of the weights. At the
/// end of the group the exact sums become float32, and are added to the outputs with their scales.
///
/// ```
/// for each tile of `height` rows:
///     sum[row][0..31] = -128 · sums of the group's weights[0..31]
///     for each four inputs:
///         sum[row][0..31] += in[row][four inputs] · panel[four inputs][0..31]
///     to[row][0..31] += sum[row][0..31] · (scale[row] · scales of the group[0..31])
/// ```
final class ByteTileCode {
    /// The operands. Strides and distances are in bytes.
    enum Field {
        /// The group, in the layout of `Int8Panels`.
        PANEL,
        /// The number of fours of its inputs, at least 1.
        FOURS,
        /// The bytes of the first row.
        IN,
        IN_STRIDE,
        /// The distance from the place after a tile's inputs to the start of the next tile.
        IN_TO_NEXT_TILE,
        /// The float32 scale of the first row's group. Those of the next rows follow.
        SCALES,
        /// The address of the first row's sums, `[rows][32]`.
        TO,
        TO_STRIDE,
        /// The number of tiles; 1 if they are not of the greatest height.
        TILES,
        /// The address of what will be needed next.
        AHEAD,
        /// The number of cache lines of it that each tile requests.
        AHEAD_COUNT
    }

    /// The number of rows of the highest tile.
    static final int HIGHEST = 12;

    /// The distance from a group's scales to the sums of its weights, and from there to its integers.
    static final int HEADER_ROW = Matrix.PANEL * Float.BYTES;

    /// The bytes of four inputs of 32 outputs.
    static final int FOUR_ROW = Matrix.PANEL * 4;

    /// The exponent of 128, by which bytes without a sign are greater than their integers.
    static final int OFFSET_BITS = 7;

    private static final List<Gpr> SAVED = List.of(RBX, RBP, R12, R13, R14);

    private static final Gpr OPERANDS = RDI;
    private static final Gpr IN = RSI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr SCALES = R8;
    private static final Gpr TO = R14;
    private static final Gpr TILES = R12;
    private static final Gpr AHEAD = R13;

    private static final Zmm LEFT = new Zmm(24);
    private static final Zmm RIGHT = new Zmm(25);
    private static final List<Zmm> BROADCAST = List.of(new Zmm(26), new Zmm(27), new Zmm(28));
    private static final Zmm SCALE = new Zmm(31);

    private final Assembler asm = new Assembler();
    private final int height;

    private ByteTileCode(int height) {
        this.height = height;
    }

    /// @param height from 1 to [#HIGHEST]
    static byte[] of(int height) {
        ByteTileCode code = new ByteTileCode(height);
        code.write();
        return code.asm.code();
    }

    private void write() {
        SAVED.forEach(asm::push);
        asm.mov(IN, operand(Field.IN));
        asm.mov(SCALES, operand(Field.SCALES));
        asm.mov(TO, operand(Field.TO));
        asm.mov(TILES, operand(Field.TILES));
        asm.mov(AHEAD, operand(Field.AHEAD));
        Label tile = new Label();
        asm.bind(tile);
        LinesAhead.request(asm, AHEAD, COUNT, operand(Field.AHEAD_COUNT));
        begin();
        multiply();
        finish();
        asm.add(IN, operand(Field.IN_TO_NEXT_TILE));
        asm.add(SCALES, HIGHEST * Float.BYTES);
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        asm.vzeroupper();
        SAVED.reversed().forEach(asm::pop);
        asm.ret();
    }

    private void begin() {
        asm.mov(PANEL, operand(Field.PANEL));
        for (int half = 0; half < TileSums.HALVES; half++) {
            Zmm start = half == 0 ? LEFT : RIGHT;
            negatedOffsets(asm, start, SCALE, Address.at(PANEL, HEADER_ROW + half * Zmm.BYTES));
            for (int row = 0; row < height; row++) {
                asm.vmovups(TileSums.of(row, half), start);
            }
        }
    }

    /// Computes -128 times the sums of a group's weights.
    ///
    /// @param other a register that is overwritten
    static void negatedOffsets(Assembler asm, Zmm to, Zmm other, Address sums) {
        asm.vmovups(other, sums);
        asm.vpslld(other, other, OFFSET_BITS);
        asm.vpxord(to, to, to);
        asm.vpsubd(to, to, other);
    }

    private void multiply() {
        Label four = new Label();
        StridedRows.load(asm, operand(Field.IN_STRIDE));
        asm.add(PANEL, 2 * HEADER_ROW);
        asm.mov(COUNT, operand(Field.FOURS));
        asm.bind(four);
        asm.vmovups(LEFT, Address.at(PANEL, 0));
        asm.vmovups(RIGHT, Address.at(PANEL, Zmm.BYTES));
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, StridedRows.row(IN, row, 0));
            asm.vpdpbusd(TileSums.of(row, 0), x, LEFT);
            asm.vpdpbusd(TileSums.of(row, 1), x, RIGHT);
        }
        asm.add(IN, Integer.BYTES);
        asm.add(PANEL, FOUR_ROW);
        asm.sub(COUNT, 1);
        asm.jump(Condition.NOT_EQUAL, four);
    }

    private void finish() {
        StridedRows.load(asm, operand(Field.TO_STRIDE));
        asm.mov(PANEL, operand(Field.PANEL));
        asm.vmovups(LEFT, Address.at(PANEL, 0));
        asm.vmovups(RIGHT, Address.at(PANEL, Zmm.BYTES));
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, Address.at(SCALES, row * Float.BYTES));
            for (int half = 0; half < TileSums.HALVES; half++) {
                Address to = StridedRows.row(TO, row, half * Zmm.BYTES);
                asm.vcvtdq2ps(TileSums.of(row, half), TileSums.of(row, half));
                asm.vmulps(SCALE, x, half == 0 ? LEFT : RIGHT);
                asm.vfmadd213ps(TileSums.of(row, half), SCALE, to);
                asm.vmovups(to, TileSums.of(row, half));
            }
        }
        StridedRows.skipTwelve(asm, TO);
    }

    private static Address operand(Field field) {
        return Arguments.of(OPERANDS, field);
    }
}
