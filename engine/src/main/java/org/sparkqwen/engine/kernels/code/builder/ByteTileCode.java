package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R13;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R14;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R15;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBP;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the micro-kernel for rows in 8 bits: the products of tiles of rows with groups of inputs of a panel of
/// integers.
///
/// VPDPBUSD multiplies four bytes without a sign by four with one, and adds the products to a sum of 32 bits. Rows have
/// bytes without a sign, 128 more than their integers, so each sum needs -128 times the sum of the weights. In 8 bits a
/// group has the sums of its weights. Integers of 4 bits become bytes 16 times as great ([HalfByteCode]), and one more
/// row, of ones, gives their sums. At the end of the group the exact sums become float32, and are added to the outputs
/// with their scales.
///
/// ```
/// for each group:
///     for each tile of `height` rows:
///         sum[row][0..31] = -128 · sums of the group's weights[0..31]
///         for each four inputs:
///             sum[row][0..31] += in[row][four inputs] · panel[four inputs][0..31]
///         to[row][0..31] += sum[row][0..31] · (scale[row] · scales of the group[0..31])
/// ```
public final class ByteTileCode {
    /// The operands. Strides and distances are in bytes.
    public enum Field {
        /// The first group, in the layout of `Int8Panels` or `Int4Panels`.
        PANEL,
        /// The place after the last group.
        PANEL_END,
        /// The number of turns of the loop in each group.
        TURNS,
        /// The number of rows of words after these turns.
        REST,
        /// The bytes of the first row.
        IN,
        IN_STRIDE,
        /// The distance from the place after a tile's inputs to the start of the next tile.
        IN_TO_NEXT_TILE,
        /// The distance from the tile after the last to the first tile's next group.
        IN_TO_NEXT_GROUP,
        /// The float32 scale of the first row's group. Those of the next rows follow.
        SCALES,
        /// The distance from the scales after the last tile's to those of the first tile's next group.
        SCALES_TO_NEXT_GROUP,
        /// The address of the first row's sums, `[rows][32]`.
        TO,
        TO_STRIDE,
        /// Whether the sums of few rows begin at 0 (1), or at what is there (0), as those of many rows do.
        BEGINS,
        /// The number of tiles; 1 if they are not of the greatest height.
        TILES,
        /// The address of what will be needed next.
        AHEAD,
        /// The number of cache lines of it that each tile requests before its loop.
        AHEAD_COUNT,
        /// The distance between the places of it that a loop requests in turns.
        AHEAD_STRIDE,
        /// The constants of [HalfByteCode], for integers of 4 bits.
        CONSTANTS
    }

    /// The distance from a group's scales to the sums of its weights, and from there to its integers.
    public static final int HEADER_ROW = Matrix.PANEL * Float.BYTES;

    /// The bytes of four inputs of 32 outputs.
    public static final int FOUR_ROW = Matrix.PANEL * 4;

    /// The exponent of 128, by which bytes without a sign are greater than their integers.
    static final int OFFSET_BITS = 7;

    private static final List<Gpr> SAVED = List.of(RBX, RBP, R12, R13, R14, R15);

    private static final Gpr OPERANDS = RDI;
    private static final Gpr IN = RSI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr SCALES = R8;
    private static final Gpr TO = R14;
    private static final Gpr TILES = R12;
    private static final Gpr AHEAD = R13;
    private static final Gpr GROUP = R15;

    private static final List<Zmm> WEIGHTS = List.of(new Zmm(24), new Zmm(25));
    private static final List<Zmm> BROADCAST = List.of(new Zmm(26), new Zmm(27), new Zmm(28));
    private static final Zmm SCALE = new Zmm(31);

    // For integers of 4 bits, whose tiles have no more than eight rows
    private static final List<Zmm> UPPER = List.of(new Zmm(16), new Zmm(17));
    private static final List<Zmm> SUMS = List.of(new Zmm(18), new Zmm(19));
    private static final Zmm ONES = new Zmm(20);
    private static final Zmm UPPER_HALVES = new Zmm(21);
    private static final Zmm SIXTEENTH = new Zmm(22);

    private final Assembler asm = new Assembler();
    private final ByteTileKind kind;
    private final int height;

    private ByteTileCode(ByteTileKind kind, int height) {
        this.kind = kind;
        this.height = height;
    }

    /// @param height from 1 to the kind's highest
    static byte[] of(ByteTileKind kind, int height) {
        ByteTileCode code = new ByteTileCode(kind, height);
        code.write();
        return code.asm.code();
    }

    /// The number of rows of words in one turn of the loop: four cache lines for few rows, which are requested from
    /// as many places of the next panel.
    public static int turnRows(ByteTileKind kind) {
        return kind.ahead() ? TileKind.STREAMS * Zmm.BYTES / IntegerLayout.ROW_BYTES : 1;
    }

    private boolean fourBits() {
        return kind.layout() == IntegerLayout.INT4;
    }

    private void write() {
        SAVED.forEach(asm::push);
        asm.mov(IN, operand(Field.IN));
        asm.mov(SCALES, operand(Field.SCALES));
        asm.mov(TO, operand(Field.TO));
        asm.mov(AHEAD, operand(Field.AHEAD));
        asm.mov(GROUP, operand(Field.PANEL));
        if (fourBits()) {
            asm.mov(COUNT, operand(Field.CONSTANTS));
            HalfByteCode.loadConstants(asm, COUNT, SIXTEENTH, ONES, UPPER_HALVES);
        }
        if (kind.ahead()) {
            clear();
        }
        Label group = new Label();
        Label tile = new Label();
        asm.bind(group);
        asm.mov(TILES, operand(Field.TILES));
        asm.bind(tile);
        if (!kind.ahead()) {
            LinesAhead.request(asm, AHEAD, COUNT, operand(Field.AHEAD_COUNT));
        }
        begin();
        multiply();
        finish();
        asm.add(IN, operand(Field.IN_TO_NEXT_TILE));
        asm.add(SCALES, kind.highest() * Float.BYTES);
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        toNextGroup();
        asm.jump(Condition.NOT_EQUAL, group);
        asm.vzeroupper();
        SAVED.reversed().forEach(asm::pop);
        asm.ret();
    }

    /// Sets the only tile's results to 0, if its sums begin there.
    private void clear() {
        Label begun = new Label();
        asm.mov(COUNT, operand(Field.BEGINS));
        asm.cmp(COUNT, 0);
        asm.jump(Condition.EQUAL, begun);
        StridedRows.load(asm, operand(Field.TO_STRIDE));
        asm.vpxord(SCALE, SCALE, SCALE);
        for (int row = 0; row < height; row++) {
            for (int half = 0; half < TileSums.HALVES; half++) {
                asm.vmovups(StridedRows.row(TO, row, half * Zmm.BYTES), SCALE);
            }
        }
        asm.bind(begun);
    }

    private void begin() {
        for (int half = 0; half < TileSums.HALVES; half++) {
            if (fourBits()) {
                asm.vpxord(SUMS.get(half), SUMS.get(half), SUMS.get(half));
                for (int row = 0; row < height; row++) {
                    Zmm sum = TileSums.of(row, half);
                    asm.vpxord(sum, sum, sum);
                }
            } else {
                Zmm start = WEIGHTS.get(half);
                negatedOffsets(asm, start, SCALE, Address.at(GROUP, HEADER_ROW + half * Zmm.BYTES));
                for (int row = 0; row < height; row++) {
                    asm.vmovups(TileSums.of(row, half), start);
                }
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
        StridedRows.load(asm, operand(Field.IN_STRIDE));
        if (kind.ahead()) {
            asm.mov(StridedRows.STRIDE_9, operand(Field.AHEAD_STRIDE)); // rows 9 and 11 do not exist
            asm.lea(StridedRows.STRIDE_11, Address.at(StridedRows.STRIDE_9, StridedRows.STRIDE_9, 2, 0));
        }
        asm.lea(PANEL, Address.at(GROUP, kind.layout().headerBytes()));
        rows(Field.TURNS, turnRows(kind));
        if (turnRows(kind) > 1) {
            rows(Field.REST, 1);
        }
    }

    /// Writes a loop over rows of words.
    ///
    /// @param turns has the number of turns, which may be 0
    /// @param unrolled number of rows of words in a turn
    private void rows(Field turns, int unrolled) {
        CountedLoop.write(asm, COUNT, operand(turns), () -> {
            for (int row = 0; row < unrolled; row++) {
                words(row);
            }
            if (unrolled > 1) {
                requestNextPanel();
            }
            asm.add(IN, unrolled * kind.layout().wordInputs());
            asm.add(PANEL, unrolled * IntegerLayout.ROW_BYTES);
        });
    }

    /// Writes the products with a row of words.
    private void words(int index) {
        int input = index * kind.layout().wordInputs();
        for (int half = 0; half < TileSums.HALVES; half++) {
            Zmm weights = WEIGHTS.get(half);
            asm.vmovups(weights, Address.at(PANEL, index * IntegerLayout.ROW_BYTES + half * Zmm.BYTES));
            if (fourBits()) {
                Zmm upper = UPPER.get(half);
                HalfByteCode.split(asm, weights, upper, UPPER_HALVES);
                asm.vpdpbusd(SUMS.get(half), ONES, weights);
                asm.vpdpbusd(SUMS.get(half), ONES, upper);
            }
        }
        fours(input, WEIGHTS);
        if (fourBits()) {
            fours(input + Integer.BYTES, UPPER);
        }
    }

    /// Writes the products with four inputs.
    private void fours(int input, List<Zmm> weights) {
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, StridedRows.row(IN, row, input));
            asm.vpdpbusd(TileSums.of(row, 0), x, weights.get(0));
            asm.vpdpbusd(TileSums.of(row, 1), x, weights.get(1));
        }
    }

    /// Requests as many lines of the next panel as a turn reads of this one.
    private void requestNextPanel() {
        LinesAhead.ofPanel(asm, AHEAD, StridedRows.STRIDE_9, StridedRows.STRIDE_11, TileKind.STREAMS * Zmm.BYTES);
    }

    private void finish() {
        StridedRows.load(asm, operand(Field.TO_STRIDE));
        for (int half = 0; half < TileSums.HALVES; half++) {
            Zmm scales = WEIGHTS.get(half);
            if (fourBits()) {
                asm.vcvtph2ps(scales, Address.at(GROUP, half * Zmm.BYTES / 2));
                asm.vmulps(scales, scales, SIXTEENTH);
                asm.vpslld(SUMS.get(half), SUMS.get(half), OFFSET_BITS);
            } else {
                asm.vmovups(scales, Address.at(GROUP, half * Zmm.BYTES));
            }
        }
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, Address.at(SCALES, row * Float.BYTES));
            for (int half = 0; half < TileSums.HALVES; half++) {
                Address to = StridedRows.row(TO, row, half * Zmm.BYTES);
                Zmm sum = TileSums.of(row, half);
                if (fourBits()) {
                    asm.vpsubd(sum, sum, SUMS.get(half));
                }
                asm.vcvtdq2ps(sum, sum);
                asm.vmulps(SCALE, x, WEIGHTS.get(half));
                asm.vfmadd213ps(sum, SCALE, to);
                asm.vmovups(to, sum);
            }
        }
        StridedRows.skipTwelve(asm, TO);
    }

    /// Goes back to the first tile, and on to the next group. The condition afterwards is whether there is none.
    private void toNextGroup() {
        if (kind.ahead()) { // the header's lines
            asm.mov(StridedRows.STRIDE_9, operand(Field.AHEAD_STRIDE));
            asm.lea(StridedRows.STRIDE_11, Address.at(StridedRows.STRIDE_9, StridedRows.STRIDE_9, 2, 0));
            requestNextPanel();
        }
        asm.mov(GROUP, PANEL);
        asm.mov(TO, operand(Field.TO));
        asm.add(IN, operand(Field.IN_TO_NEXT_GROUP));
        asm.add(SCALES, operand(Field.SCALES_TO_NEXT_GROUP));
        asm.mov(COUNT, operand(Field.PANEL_END));
        asm.cmp(GROUP, COUNT);
    }

    private static Address operand(Field field) {
        return Arguments.of(OPERANDS, field);
    }
}
