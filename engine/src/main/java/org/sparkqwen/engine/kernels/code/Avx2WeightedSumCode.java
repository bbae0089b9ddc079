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

/// Writes the function of [WeightedSumCode] for AVX2. Three rows of 32 columns fill 12 of the 16 registers, as in
/// [Avx2TileCode].
final class Avx2WeightedSumCode {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 3;

    private static final int PARTS = Matrix.PANEL / Ymm.FLOATS;
    private static final int SUM_ROW = WeightedSumCode.SUM_ROW;
    private static final int UNROLLED = WeightedSumCode.UNROLLED;

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

    private static final List<Vector> BROADCAST = InstructionSet.AVX2.registers(12, HIGHEST);
    private static final Ymm NUMBERS = new Ymm(15);

    private final Assembler asm = new Assembler();
    private final KeyValueFormat format;
    private final int height;

    private Avx2WeightedSumCode(KeyValueFormat format, int height) {
        this.format = format;
        this.height = height;
    }

    /// @param format of the values
    /// @param height from 1 to [#HIGHEST]
    static byte[] of(KeyValueFormat format, int height) {
        Avx2WeightedSumCode code = new Avx2WeightedSumCode(format, height);
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
        asm.mov(TILES, Arguments.of(RDI, WeightedSumCode.Field.TILES));
        asm.mov(SUMS, Arguments.of(RDI, WeightedSumCode.Field.SUMS));
        asm.mov(KEY_STRIDE, Arguments.of(RDI, WeightedSumCode.Field.KEY_STRIDE));
        asm.bind(tile);
        requestOut();
        asm.mov(PROBABILITY, Arguments.of(RDI, WeightedSumCode.Field.PROBABILITIES));
        asm.add(PROBABILITY, ROW_BYTES);
        asm.mov(CORRECTION, Arguments.of(RDI, WeightedSumCode.Field.CORRECTIONS));
        asm.add(CORRECTION, ROW_BYTES);
        asm.mov(BLOCK, Arguments.of(RDI, WeightedSumCode.Field.BLOCKS));
        asm.mov(BLOCKS_LEFT, Arguments.of(RDI, WeightedSumCode.Field.COUNT));
        eachSum((row, part, sum) -> asm.vmovups(sum, sumAddress(row, part)));

        asm.bind(block);
        asm.mov(VALUES, Address.at(BLOCK, 0));
        asm.add(VALUES, Arguments.of(RDI, WeightedSumCode.Field.COLUMNS));
        for (int row = 0; row < height; row++) {
            asm.vbroadcastss(BROADCAST.get(row), Address.at(CORRECTION, row * Float.BYTES));
        }
        eachSum((row, part, sum) -> asm.vmulps(sum, sum, BROADCAST.get(row)));
        asm.mov(TURNS, KeyValueBlock.TOKENS / UNROLLED);
        asm.cmp(BLOCKS_LEFT, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.mov(TURNS, Arguments.of(RDI, WeightedSumCode.Field.LAST_TURNS));
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

        eachSum((row, part, sum) -> asm.vmovups(sumAddress(row, part), sum));
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
        asm.mov(table, Arguments.of(RDI, WeightedSumCode.Field.OUT));
        asm.cmp(table, 0);
        asm.jump(Condition.EQUAL, none);
        asm.lea(table, Address.at(table, ROW_BYTES, Long.BYTES / Float.BYTES, 0));
        asm.mov(columns, Arguments.of(RDI, WeightedSumCode.Field.OUT_COLUMNS));
        asm.mov(next, Arguments.of(RDI, WeightedSumCode.Field.NEXT_COLUMNS));
        for (int i = 0; i < height; i++) {
            asm.mov(row, Address.at(table, i * Long.BYTES));
            for (int offset = 0; offset < SUM_ROW; offset += Zmm.BYTES) {
                asm.prefetchw(Address.at(row, columns, 1, offset));
                asm.prefetcht1(Address.at(row, next, 1, offset));
            }
        }
        asm.bind(none);
    }

    private void key(int key) {
        for (int row = 0; row < height; row++) {
            asm.vbroadcastss(BROADCAST.get(row), Address.at(PROBABILITY, row * Float.BYTES));
        }
        switch (format) {
            case F32 -> multiplyF32(key * valueRow());
            case BF16 -> multiplyBf16(key * valueRow());
            case INT8 -> throw new IllegalStateException("integers are widened before");
        }
        asm.add(PROBABILITY, KEY_STRIDE);
    }

    private void multiplyF32(int offset) {
        for (int part = 0; part < PARTS; part++) {
            asm.vmovups(NUMBERS, Address.at(VALUES, offset + part * Ymm.BYTES));
            multiplyAdd(part);
        }
    }

    /// Multiplies with a vector of words twice: their lower halves are of the left columns, and their upper halves
    /// are of the right ones.
    private void multiplyBf16(int offset) {
        for (int part = 0; part < PARTS / 2; part++) {
            Address words = Address.at(VALUES, offset + part * Ymm.BYTES);
            asm.vmovups(NUMBERS, words);
            asm.vpslld(NUMBERS, NUMBERS, Short.SIZE);
            multiplyAdd(part);
            asm.vbroadcastss(NUMBERS, Arguments.of(RDI, WeightedSumCode.Field.UPPER_HALF));
            asm.vpandd(NUMBERS, NUMBERS, words);
            multiplyAdd(part + PARTS / 2);
        }
    }

    private void multiplyAdd(int part) {
        for (int row = 0; row < height; row++) {
            asm.vfmadd231ps(sum(row, part), BROADCAST.get(row), NUMBERS);
        }
    }

    private int valueRow() {
        return Matrix.PANEL * format.bytes();
    }

    private interface SumWork {
        void on(int row, int part, Ymm sum);
    }

    private void eachSum(SumWork work) {
        for (int row = 0; row < height; row++) {
            for (int part = 0; part < PARTS; part++) {
                work.on(row, part, sum(row, part));
            }
        }
    }

    private static Ymm sum(int row, int part) {
        return new Ymm(row * PARTS + part);
    }

    private static Address sumAddress(int row, int part) {
        return Address.at(SUMS, row * SUM_ROW + part * Ymm.BYTES);
    }
}
