package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R13;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R14;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R15;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBP;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Tmm;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the micro-kernel of AMX: the product of bfloat16 rows with a panel of 32 outputs in blocks of 32 inputs.
///
/// A tile register holds 16 rows of a block, 16 pairs of inputs with 16 outputs of the panel, or 16 by 16 sums. One
/// instruction multiplies 16 rows with 16 outputs. The sums of 32 rows and 32 outputs stay in four registers, so that
/// each load of rows or of weights serves two products.
///
/// ```
/// for each tile of `height` · 16 rows:
///     sum[row][0..31] = from[row][0..31], or 0
///     for each block, for each part of the activations:
///         sum[row][0..31] += Σ in[part][row][input] · panel[input][0..31]
///     to[row][0..31] = sum[row][0..31]
/// ```
public final class AmxTileCode {
    /// The operands. Strides and distances are in bytes.
    public enum Field {
        /// The shapes of the tile registers.
        CONFIG,
        /// `[16 · blocks pairs][32][2]` in bfloat16.
        PANEL,
        /// The number of blocks of inputs, at least 1.
        BLOCKS,
        /// The first row, `[32 · blocks]` in bfloat16.
        IN,
        IN_STRIDE,
        /// The distance from the first part of the rows to the second.
        IN_TO_SECOND_PART,
        /// The distance from the place after a tile's inputs to the start of the next tile.
        IN_TO_NEXT_TILE,
        /// The address of the sums that the first tile begins with; 0 if all begin at 0.
        FROM,
        FROM_STRIDE,
        /// The address of the first row's results.
        TO,
        TO_STRIDE,
        /// The number of tiles, at least 1.
        TILES,
        /// The address of what will be needed next.
        AHEAD,
        /// The number of cache lines of it that each tile requests.
        AHEAD_COUNT
    }

    /// The distance from a pair of inputs to the next in a panel in bytes.
    public static final int PANEL_ROW = Matrix.PANEL * 2 * Short.BYTES;

    private static final int BLOCK_BYTES = Arithmetic.BLOCK * Short.BYTES; // of a row

    private static final List<Gpr> SAVED = List.of(RBX, RBP, R12, R13, R14, R15);

    private static final Gpr OPERANDS = RDI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr IN_STRIDE = RAX;
    private static final Gpr PANEL_STRIDE = RBX;
    private static final Gpr SUM_STRIDE = RBP;
    private static final Gpr FROM = R8;
    private static final Gpr TO = R9;
    private static final Gpr TILES = R10;
    private static final Gpr AHEAD = R11;

    /// Pointers to rows of a block: the upper and the lower 16 rows of the first part, and of the second.
    private static final List<List<Gpr>> IN = List.of(List.of(RSI, R12), List.of(R13, R14));

    /// The pointer to the lower 16 rows of sums.
    private static final Gpr LOWER = R15;

    private final Assembler asm = new Assembler();
    private final int height;
    private final int parts;

    private AmxTileCode(int height, int parts) {
        this.height = height;
        this.parts = parts;
    }

    /// @param height number of registers for rows: 2, or 1 for at most 16 rows
    /// @param parts number of bfloat16 numbers that stand for an activation, 1 or 2
    static byte[] of(int height, int parts) {
        AmxTileCode code = new AmxTileCode(height, parts);
        code.write();
        return code.asm.code();
    }

    private void write() {
        SAVED.forEach(asm::push);
        asm.mov(RCX, operand(Field.CONFIG));
        asm.ldtilecfg(Address.at(RCX, 0));
        asm.mov(PANEL_STRIDE, PANEL_ROW);
        asm.mov(IN.get(0).get(0), operand(Field.IN));
        asm.mov(FROM, operand(Field.FROM));
        asm.mov(TO, operand(Field.TO));
        asm.mov(TILES, operand(Field.TILES));
        asm.mov(AHEAD, operand(Field.AHEAD));
        Label tile = new Label();
        asm.bind(tile);
        LinesAhead.request(asm, AHEAD, COUNT, operand(Field.AHEAD_COUNT));
        begin();
        multiply();
        finish();
        asm.add(IN.get(0).get(0), operand(Field.IN_TO_NEXT_TILE));
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        asm.tilerelease();
        SAVED.reversed().forEach(asm::pop);
        asm.ret();
    }

    private void begin() {
        Label load = new Label();
        Label done = new Label();
        asm.cmp(FROM, 0);
        asm.jump(Condition.NOT_EQUAL, load);
        AmxRegisters.eachSum(height, (sum, row, column) -> asm.tilezero(sum));
        asm.jump(done);
        asm.bind(load);
        asm.mov(SUM_STRIDE, operand(Field.FROM_STRIDE));
        AmxRegisters.skipRows(asm, LOWER, FROM, SUM_STRIDE);
        AmxRegisters.eachSum(height, (sum, row, column) -> asm.tileloadd(sum, sums(FROM, row, column)));
        AmxRegisters.skipRows(asm, FROM, height == 1 ? FROM : LOWER, SUM_STRIDE);
        asm.bind(done);
    }

    private void multiply() {
        Label block = new Label();
        asm.mov(IN_STRIDE, operand(Field.IN_STRIDE));
        AmxRegisters.skipRows(asm, IN.get(0).get(1), IN.get(0).get(0), IN_STRIDE);
        if (parts == 2) {
            asm.mov(IN.get(1).get(0), IN.get(0).get(0));
            asm.add(IN.get(1).get(0), operand(Field.IN_TO_SECOND_PART));
            AmxRegisters.skipRows(asm, IN.get(1).get(1), IN.get(1).get(0), IN_STRIDE);
        }
        asm.mov(PANEL, operand(Field.PANEL));
        asm.mov(COUNT, operand(Field.BLOCKS));
        asm.bind(block);
        for (int column = 0; column < AmxRegisters.WEIGHTS.size(); column++) {
            asm.tileloadd(AmxRegisters.WEIGHTS.get(column), Address.at(PANEL, PANEL_STRIDE, 1, column * Tmm.ROW_BYTES));
        }
        for (int part = 0; part < parts; part++) {
            for (int row = 0; row < height; row++) {
                Gpr in = IN.get(part).get(row);
                asm.tileloadd(AmxRegisters.rows(row), Address.at(in, IN_STRIDE, 1, 0));
                for (int column = 0; column < AmxRegisters.WEIGHTS.size(); column++) {
                    asm.tdpbf16ps(
                            AmxRegisters.sum(row, column), AmxRegisters.rows(row), AmxRegisters.WEIGHTS.get(column));
                }
                asm.add(in, BLOCK_BYTES);
            }
        }
        asm.add(PANEL, Arithmetic.BLOCK / 2 * PANEL_ROW);
        asm.sub(COUNT, 1);
        asm.jump(Condition.NOT_EQUAL, block);
    }

    private void finish() {
        asm.mov(SUM_STRIDE, operand(Field.TO_STRIDE));
        AmxRegisters.skipRows(asm, LOWER, TO, SUM_STRIDE);
        AmxRegisters.eachSum(height, (sum, row, column) -> asm.tilestored(sums(TO, row, column), sum));
        AmxRegisters.skipRows(asm, TO, height == 1 ? TO : LOWER, SUM_STRIDE);
    }

    private static Address sums(Gpr pointer, int row, int column) {
        return Address.at(row == 0 ? pointer : LOWER, SUM_STRIDE, 1, column * Tmm.ROW_BYTES);
    }

    private static Address operand(Field field) {
        return Arguments.of(OPERANDS, field);
    }
}
