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
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the micro-kernel: the product of tiles of rows with a panel of 32 outputs.
///
/// For each input, the 32 weights are in two registers. Each row's number is broadcast into a third, and two
/// multiply-adds add it to the row's sums, which stay in registers. Twelve rows fill 24 of the 32 registers. So 12
/// cycles of multiply-adds take 14 loads, of which a core does two a cycle. Each output is one chain of `fma` over the
/// inputs in ascending order, continued from the sums that the tile begins with. [TileField] has the operands. If an
/// input is a pair of bfloat16 numbers, one instruction multiplies and adds both.
///
/// ```
/// for each tile of `height` rows:
///     sum[row][0..31] = from[row][0..31], or 0
///     for each input:
///         sum[row][0..31] += in[row][input] · panel[input][0..31]
///     to[row][0..31] = sum[row][0..31], or to[row][0..31] += sum[row][0..31]
/// ```
final class TileCode {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 12;

    /// The number of rows of the highest tile that requests the next panel: the others need all registers.
    static final int HIGHEST_AHEAD = 8;

    /// The number of inputs in one turn of the loop.
    static final int UNROLLED = 8;

    private static final List<Gpr> SAVED = List.of(RBX, RBP, R12, R13, R14, R15);
    private static final int F32_ROW = Matrix.PANEL * Float.BYTES;

    // General-purpose registers beside those of StridedRows
    private static final Gpr OPERANDS = RDI;
    private static final Gpr IN = RSI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr FROM = R8;
    private static final Gpr TO = R14;
    private static final Gpr TILES = R12;
    private static final Gpr AHEAD = R13;

    // Vector registers, after the sums. Weights of consecutive inputs alternate, so that one is loaded early.
    private static final List<Zmm> LEFT = List.of(new Zmm(24), new Zmm(26));
    private static final List<Zmm> RIGHT = List.of(new Zmm(25), new Zmm(27));
    private static final List<Zmm> BROADCAST = List.of(new Zmm(28), new Zmm(29), new Zmm(30));
    private static final Zmm UPPER_HALF = new Zmm(31);

    // To join pairs, in tiles of no more than eight rows
    private static final Zmm LOWER_HALF = new Zmm(20);
    private static final List<Zmm> SHIFTED = List.of(new Zmm(16), new Zmm(17), new Zmm(18), new Zmm(19));

    private final Assembler asm = new Assembler();
    private final TileKind kind;
    private final int height;
    private final TileSums sums;

    private TileCode(TileKind kind, int height) {
        this.kind = kind;
        this.height = height;
        sums = new TileSums(height);
    }

    /// Writes the micro-kernel for a kind of operands and a number of rows.
    ///
    /// @param height from 1 to [#HIGHEST], or to [#HIGHEST_AHEAD] if the kind reads ahead
    static byte[] of(TileKind kind, int height) {
        TileCode code = new TileCode(kind, height);
        code.write();
        return code.asm.code();
    }

    private void write() {
        SAVED.forEach(asm::push);
        asm.mov(IN, operand(TileField.IN));
        asm.mov(FROM, operand(TileField.FROM));
        asm.mov(TO, operand(TileField.TO));
        asm.mov(TILES, operand(TileField.TILES));
        asm.mov(AHEAD, operand(TileField.AHEAD));
        if (kind.bf16()) {
            asm.vbroadcastss(UPPER_HALF, operand(TileField.UPPER_HALF));
            if (kind.pairs()) {
                asm.vpsrld(LOWER_HALF, UPPER_HALF, Short.SIZE);
            }
        }
        Label tile = new Label();
        asm.bind(tile);
        requestDestination();
        requestLinesAhead();
        begin();
        multiply();
        finish();
        asm.add(IN, operand(TileField.IN_TO_NEXT_TILE));
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        asm.vzeroupper();
        SAVED.reversed().forEach(asm::pop);
        asm.ret();
    }

    /// Requests the lines that the tile will write, because they arrive while it computes.
    private void requestDestination() {
        StridedRows.load(asm, operand(TileField.TO_STRIDE));
        sums.each((row, half, sum) -> asm.prefetchw(StridedRows.row(TO, row, half * Zmm.BYTES)));
    }

    /// Requests some lines of what is needed after this panel, the same number in each tile.
    private void requestLinesAhead() {
        if (kind.ahead()) {
            return; // in the loop
        }
        LinesAhead.request(asm, AHEAD, COUNT, operand(TileField.AHEAD_COUNT));
    }

    private void begin() {
        Label load = new Label();
        Label done = new Label();
        asm.cmp(FROM, 0);
        asm.jump(Condition.NOT_EQUAL, load);
        sums.each((row, half, sum) -> asm.vpxord(sum, sum, sum));
        asm.jump(done);
        asm.bind(load);
        StridedRows.load(asm, operand(TileField.FROM_STRIDE));
        sums.each((row, half, sum) -> asm.vmovups(sum, StridedRows.row(FROM, row, half * Zmm.BYTES)));
        toNextTile(FROM);
        asm.bind(done);
    }

    private void multiply() {
        StridedRows.load(asm, operand(TileField.IN_STRIDE));
        if (kind.ahead()) {
            asm.mov(StridedRows.STRIDE_9, operand(TileField.AHEAD_STRIDE)); // rows 9 and 11 do not exist
            asm.lea(StridedRows.STRIDE_11, Address.at(StridedRows.STRIDE_9, StridedRows.STRIDE_9, 2, 0));
            asm.mov(AHEAD, operand(TileField.AHEAD));
        }
        asm.mov(PANEL, operand(TileField.PANEL));
        IntegerLayout layout = kind.integers();
        if (layout == null) {
            inputs(TileField.TURNS, UNROLLED);
            inputs(TileField.REST, 1);
        } else {
            asm.mov(COUNT, operand(TileField.CONSTANTS));
            IntegerCode integers = IntegerCode.ofTile(asm, layout, height, COUNT);
            IntegerGroups.write(asm, kind, layout, new IntegerGroups.Steps() {
                @Override
                public void scales() {
                    integers.scales(PANEL);
                }

                @Override
                public void input(int input) {
                    TileCode.this.input(input, integers);
                }

                @Override
                public void requestNextPanel(int bytes) {
                    TileCode.this.requestNextPanel(bytes);
                }
            });
        }
    }

    /// Writes a loop over inputs.
    ///
    /// @param turns has the number of turns, which may be 0
    /// @param unrolled number of inputs in a turn
    private void inputs(TileField turns, int unrolled) {
        CountedLoop.write(asm, COUNT, operand(turns), () -> {
            for (int input = 0; input < unrolled; input++) {
                input(input, null);
            }
            if (kind.ahead() && unrolled == UNROLLED) {
                requestNextPanel(UNROLLED * panelRow());
            }
            asm.add(IN, unrolled * Float.BYTES);
            asm.add(PANEL, unrolled * panelRow());
        });
    }

    private void input(int input, @Nullable IntegerCode integers) {
        Zmm left = LEFT.get(input % LEFT.size());
        Zmm right = RIGHT.get(input % RIGHT.size());
        if (integers == null) {
            loadWeights(left, right, input);
        } else {
            integers.widen(left, right, PANEL, input);
        }
        for (int row = 0; row < height; row++) {
            Zmm x = BROADCAST.get(row % BROADCAST.size());
            asm.vbroadcastss(x, StridedRows.row(IN, row, input * Float.BYTES));
            multiplyAdd(TileSums.of(row, 0), x, left);
            multiplyAdd(TileSums.of(row, 1), x, right);
        }
    }

    private void multiplyAdd(Zmm sum, Zmm x, Zmm weights) {
        if (kind.pairs()) {
            asm.vdpbf16ps(sum, x, weights);
        } else {
            asm.vfmadd231ps(sum, x, weights);
        }
    }

    /// Loads the weights of an input, or of a pair of inputs. A vector of words of bfloat16 holds the left outputs'
    /// in the lower halves, and the right outputs' in the upper halves; see `Bf16Panels`.
    private void loadWeights(Zmm left, Zmm right, int input) {
        int offset = input * panelRow();
        asm.vmovups(left, Address.at(PANEL, offset));
        if (kind.bf16() && !kind.pairs()) {
            WidenCode.halves(asm, left, right, UPPER_HALF);
            return;
        }
        asm.vmovups(right, Address.at(PANEL, offset + Zmm.BYTES));
        if (kind.bf16()) {
            int shifted = 2 * input % SHIFTED.size();
            PairCode.join(asm, left, right, SHIFTED.get(shifted), SHIFTED.get(shifted + 1), LOWER_HALF, UPPER_HALF);
        }
    }

    private void requestNextPanel(int bytes) {
        LinesAhead.ofPanel(asm, AHEAD, StridedRows.STRIDE_9, StridedRows.STRIDE_11, bytes);
    }

    private void finish() {
        Label store = new Label();
        StridedRows.load(asm, operand(TileField.TO_STRIDE));
        asm.mov(COUNT, operand(TileField.ADDS));
        asm.cmp(COUNT, 0);
        asm.jump(Condition.EQUAL, store);
        sums.each((row, half, sum) -> asm.vaddps(sum, sum, StridedRows.row(TO, row, half * Zmm.BYTES)));
        asm.bind(store);
        sums.each((row, half, sum) -> asm.vmovups(StridedRows.row(TO, row, half * Zmm.BYTES), sum));
        toNextTile(TO);
    }

    /// Advances a pointer by the rows of the highest tile. There is only one tile of any other height.
    private void toNextTile(Gpr pointer) {
        StridedRows.skipTwelve(asm, pointer);
    }

    private int panelRow() {
        return kind.bf16() && !kind.pairs() ? F32_ROW / 2 : F32_ROW;
    }

    private static Address operand(TileField field) {
        return Arguments.of(OPERANDS, field);
    }
}
