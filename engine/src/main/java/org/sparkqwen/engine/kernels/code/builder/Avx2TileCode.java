package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R13;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R14;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R15;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
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
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the micro-kernel of [TileCode] for AVX2, which has 16 registers of 8 numbers.
///
/// Three rows of 32 outputs fill 12 of them. For each input, the rows' numbers are broadcast into three registers, and
/// the four vectors of weights pass through the last one. So 6 cycles of multiply-adds take 7 loads, of which a core
/// does two a cycle. A tile of six rows and half of a panel would take 8, and the other half another pass over the
/// rows.
final class Avx2TileCode {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 3;

    /// The number of rows of the highest tile that widens integers, which takes four registers.
    static final int HIGHEST_OF_INTEGERS = 2;

    private static final List<Gpr> SAVED = List.of(RBX, RBP, R12, R13, R14, R15);
    private static final int F32_ROW = Matrix.PANEL * Float.BYTES;
    private static final int HALF_ROW = F32_ROW / 2;

    // General-purpose registers
    private static final Gpr OPERANDS = RDI;
    private static final Gpr IN = RSI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr STRIDE = RAX; // from a row to the next
    private static final Gpr FROM = R8;
    private static final Gpr TO = R14;
    private static final Gpr TILES = R12;
    private static final Gpr CONSTANTS = R12; // while the inputs of the only tile pass
    private static final Gpr AHEAD = R13;
    private static final Gpr AHEAD_STRIDE = RBX;
    private static final Gpr AHEAD_STRIDE_3 = RBP;

    // Vector registers, after the sums
    private static final List<Vector> BROADCAST = InstructionSet.AVX2.registers(12, HIGHEST);
    private static final Ymm WEIGHTS = new Ymm(15);

    private final Assembler asm = new Assembler();
    private final TileKind kind;
    private final int height;

    private Avx2TileCode(TileKind kind, int height) {
        this.kind = kind;
        this.height = height;
    }

    /// Writes the micro-kernel for a kind of operands and a number of rows.
    ///
    /// @param kind one without pairs
    /// @param height from 1 to [#highest]
    static byte[] of(TileKind kind, int height) {
        Avx2TileCode code = new Avx2TileCode(kind, height);
        code.write();
        return code.asm.code();
    }

    /// The number of rows of the highest tile of a kind.
    static int highest(TileKind kind) {
        return kind.integers() == null ? HIGHEST : HIGHEST_OF_INTEGERS;
    }

    private void write() {
        SAVED.forEach(asm::push);
        asm.mov(IN, operand(TileField.IN));
        asm.mov(FROM, operand(TileField.FROM));
        asm.mov(TO, operand(TileField.TO));
        asm.mov(TILES, operand(TileField.TILES));
        asm.mov(AHEAD, operand(TileField.AHEAD));
        Label tile = new Label();
        asm.bind(tile);
        requestDestination();
        if (!kind.ahead()) {
            LinesAhead.request(asm, AHEAD, COUNT, operand(TileField.AHEAD_COUNT));
        }
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
        asm.mov(STRIDE, operand(TileField.TO_STRIDE));
        for (int row = 0; row < height; row++) {
            for (int offset = 0; offset < F32_ROW; offset += Zmm.BYTES) {
                asm.prefetchw(row(TO, row, offset));
            }
        }
    }

    private void begin() {
        Label load = new Label();
        Label done = new Label();
        asm.cmp(FROM, 0);
        asm.jump(Condition.NOT_EQUAL, load);
        eachSum((row, part, sum) -> asm.vpxord(sum, sum, sum));
        asm.jump(done);
        asm.bind(load);
        asm.mov(STRIDE, operand(TileField.FROM_STRIDE));
        eachSum((row, part, sum) -> asm.vmovups(sum, row(FROM, row, part * Ymm.BYTES)));
        toNextTile(FROM);
        asm.bind(done);
    }

    private void multiply() {
        asm.mov(STRIDE, operand(TileField.IN_STRIDE));
        if (kind.ahead()) {
            asm.mov(AHEAD_STRIDE, operand(TileField.AHEAD_STRIDE));
            asm.lea(AHEAD_STRIDE_3, Address.at(AHEAD_STRIDE, AHEAD_STRIDE, 2, 0));
            asm.mov(AHEAD, operand(TileField.AHEAD));
        }
        asm.mov(PANEL, operand(TileField.PANEL));
        IntegerLayout layout = kind.integers();
        if (layout == null) {
            inputs(TileField.TURNS, TileCode.UNROLLED);
            inputs(TileField.REST, 1);
        } else {
            Avx2IntegerCode integers = new Avx2IntegerCode(asm, layout);
            integers.enter(operand(TileField.CONSTANTS), CONSTANTS);
            IntegerGroups.write(asm, kind, layout, new IntegerGroups.Steps() {
                @Override
                public void scales() {
                    integers.scales(PANEL);
                }

                @Override
                public void input(int input) {
                    multiplyIntegers(integers, input);
                }

                @Override
                public void requestNextPanel(int bytes) {
                    Avx2TileCode.this.requestNextPanel(bytes);
                }
            });
            integers.leave();
            asm.mov(TILES, 1);
        }
    }

    /// Writes a loop over inputs.
    ///
    /// @param turns has the number of turns, which may be 0
    /// @param unrolled number of inputs in a turn
    private void inputs(TileField turns, int unrolled) {
        int bytes = unrolled * (kind.bf16() ? HALF_ROW : F32_ROW);
        CountedLoop.write(asm, COUNT, operand(turns), () -> {
            for (int input = 0; input < unrolled; input++) {
                broadcast(input);
                if (kind.bf16()) {
                    multiplyBf16(input * HALF_ROW);
                } else {
                    multiplyF32(input * F32_ROW);
                }
            }
            if (kind.ahead() && unrolled == TileCode.UNROLLED) {
                requestNextPanel(bytes);
            }
            asm.add(IN, unrolled * Float.BYTES);
            asm.add(PANEL, bytes);
        });
    }

    private void broadcast(int input) {
        for (int row = 0; row < height; row++) {
            asm.vbroadcastss(BROADCAST.get(row), row(IN, row, input * Float.BYTES));
        }
    }

    private void multiplyF32(int offset) {
        for (int part = 0; part < Avx2IntegerCode.PARTS; part++) {
            asm.vmovups(WEIGHTS, Address.at(PANEL, offset + part * Ymm.BYTES));
            multiplyAdd(part);
        }
    }

    /// Multiplies with a vector of words twice: their lower halves are of the left outputs, and their upper halves
    /// are of the right ones.
    private void multiplyBf16(int offset) {
        int parts = Avx2IntegerCode.PARTS;
        for (int part = 0; part < parts / 2; part++) {
            Address words = Address.at(PANEL, offset + part * Ymm.BYTES);
            asm.vmovups(WEIGHTS, words);
            asm.vpslld(WEIGHTS, WEIGHTS, Short.SIZE);
            multiplyAdd(part);
            asm.vbroadcastss(WEIGHTS, operand(TileField.UPPER_HALF));
            asm.vpandd(WEIGHTS, WEIGHTS, words);
            multiplyAdd(part + parts / 2);
        }
    }

    private void multiplyAdd(int part) {
        for (int row = 0; row < height; row++) {
            asm.vfmadd231ps(sum(row, part), BROADCAST.get(row), WEIGHTS);
        }
    }

    private void multiplyIntegers(Avx2IntegerCode integers, int input) {
        broadcast(input);
        for (int part = 0; part < Avx2IntegerCode.PARTS; part++) {
            integers.widen(WEIGHTS, part, PANEL, input);
            multiplyAdd(part);
        }
    }

    private void requestNextPanel(int bytes) {
        LinesAhead.ofPanel(asm, AHEAD, AHEAD_STRIDE, AHEAD_STRIDE_3, bytes);
    }

    private void finish() {
        Label store = new Label();
        asm.mov(STRIDE, operand(TileField.TO_STRIDE));
        asm.mov(COUNT, operand(TileField.ADDS));
        asm.cmp(COUNT, 0);
        asm.jump(Condition.EQUAL, store);
        eachSum((row, part, sum) -> asm.vaddps(sum, sum, row(TO, row, part * Ymm.BYTES)));
        asm.bind(store);
        eachSum((row, part, sum) -> asm.vmovups(row(TO, row, part * Ymm.BYTES), sum));
        toNextTile(TO);
    }

    /// Advances a pointer by three rows. There is only one tile of any other height.
    private void toNextTile(Gpr pointer) {
        asm.add(pointer, STRIDE);
        asm.lea(pointer, Address.at(pointer, STRIDE, 2, 0));
    }

    private interface SumWork {
        void on(int row, int part, Ymm sum);
    }

    private void eachSum(SumWork work) {
        for (int row = 0; row < height; row++) {
            for (int part = 0; part < Avx2IntegerCode.PARTS; part++) {
                work.on(row, part, sum(row, part));
            }
        }
    }

    private static Ymm sum(int row, int part) {
        return new Ymm(row * Avx2IntegerCode.PARTS + part);
    }

    /// The address of a row from a pointer on, at the stride that is loaded.
    private static Address row(Gpr pointer, int row, int displacement) {
        return row == 0 ? Address.at(pointer, displacement) : Address.at(pointer, STRIDE, row, displacement);
    }

    private static Address operand(TileField field) {
        return Arguments.of(OPERANDS, field);
    }
}
