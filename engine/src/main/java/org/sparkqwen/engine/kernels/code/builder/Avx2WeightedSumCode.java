package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;

import java.util.List;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the function of [WeightedSumCode] for AVX2. Three rows of 32 columns fill 12 of the 16 registers, as in
/// [Avx2TileCode].
final class Avx2WeightedSumCode implements WeightedSumLoops.Tile {
    /// The number of rows of the highest tile.
    static final int HIGHEST = 3;

    private static final int PARTS = Matrix.PANEL / Ymm.FLOATS;
    private static final int SUM_ROW = WeightedSumCode.SUM_ROW;

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
        WeightedSumLoops.write(code.asm, format, height, code);
        return code.asm.code();
    }

    @Override
    public void enter() {
        // All registers are taken by sums and by what passes.
    }

    @Override
    public void load() {
        eachSum((row, part, sum) -> asm.vmovups(sum, sumAddress(row, part)));
    }

    @Override
    public void correct() {
        for (int row = 0; row < height; row++) {
            asm.vbroadcastss(BROADCAST.get(row), Address.at(WeightedSumLoops.CORRECTION, row * Float.BYTES));
        }
        eachSum((row, part, sum) -> asm.vmulps(sum, sum, BROADCAST.get(row)));
    }

    @Override
    public void store() {
        eachSum((row, part, sum) -> asm.vmovups(sumAddress(row, part), sum));
    }

    @Override
    public void key(int key) {
        int offset = key * WeightedSumLoops.valueRow(format);
        for (int row = 0; row < height; row++) {
            asm.vbroadcastss(BROADCAST.get(row), Address.at(WeightedSumLoops.PROBABILITY, row * Float.BYTES));
        }
        switch (format) {
            case F32 -> multiplyF32(offset);
            case BF16 -> multiplyBf16(offset);
            case INT8 -> throw new IllegalStateException("integers are widened before");
        }
    }

    private void multiplyF32(int offset) {
        for (int part = 0; part < PARTS; part++) {
            asm.vmovups(NUMBERS, Address.at(WeightedSumLoops.VALUES, offset + part * Ymm.BYTES));
            multiplyAdd(part);
        }
    }

    /// Multiplies with a vector of words twice: their lower halves are of the left columns, and their upper halves
    /// are of the right ones.
    private void multiplyBf16(int offset) {
        for (int part = 0; part < PARTS / 2; part++) {
            Address words = Address.at(WeightedSumLoops.VALUES, offset + part * Ymm.BYTES);
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
        return Address.at(WeightedSumLoops.SUMS, row * SUM_ROW + part * Ymm.BYTES);
    }
}
