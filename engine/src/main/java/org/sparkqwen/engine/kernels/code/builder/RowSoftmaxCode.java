package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes the online softmax of a block of 32 keys for few rows, with a row's scores side by side:
///
/// ```
/// score[key]    = score[key] · scale
/// maximum       = the greatest of maximum and score[0..31]
/// correction    = exp(the maximum before − maximum)
/// score[key]    = exp(score[key] − maximum)
/// sum           = sum · correction + score[0] + … + score[31]
/// weighted[0..] = weighted[0..] · correction
/// ```
///
/// The order of comparisons makes no difference to a maximum, but that of additions does, so they are a chain.
public final class RowSoftmaxCode {
    /// The operands: addresses, distances in bytes, and `SCALE` as the bits of a float.
    public enum Field {
        CONSTANTS,
        /// `[rows][32 keys]`, changed in place.
        SCORES,
        /// `[rows][2][16]`: the maximum and the sum, each 16 times, changed in place. With AVX2, 8 of each are
        /// in use.
        STATES,
        /// `[panels][rows][32]`, changed in place.
        WEIGHTED,
        /// The distance from a panel to the next.
        PANEL_STRIDE,
        /// The number of panels, at least 1.
        PANELS,
        /// The number of rows.
        ROWS,
        SCALE
    }

    /// The distance from a row's maximum and sum to the next row's in bytes.
    public static final int STATE_BYTES = 2 * Zmm.BYTES;

    /// The distance from a row's maximum to its sum in bytes.
    public static final int SUM = Zmm.BYTES;

    private static final int ROW_BYTES = KeyValueBlock.TOKENS * Float.BYTES;

    // The orders of groups of 128 bits, and of numbers within them, that exchange halves and neighbours.
    private static final int HALVES = 0b01_00_11_10;
    private static final int NEIGHBOURS = 0b10_11_00_01;

    /// The order of the two groups of 128 bits of a vector of AVX2 that exchanges them.
    private static final int GROUPS = 0x01;

    private RowSoftmaxCode() {}

    static byte[] code(InstructionSet set) {
        Vector scale = set.register(0);
        Vector maximum = set.register(1);
        Vector correction = set.register(2);
        Vector sum = set.register(3);
        Vector score = set.register(4);
        Vector square = set.register(6);
        Vector p = set.register(7);
        Vector n = set.register(8);
        Label row = new Label();
        Label panel = new Label();
        Assembler asm = new Assembler();
        asm.push(RBX);
        asm.mov(RBX, Arguments.of(RDI, Field.CONSTANTS));
        ExpCode exp = ExpCode.withConstants(asm, set, RBX);
        asm.vbroadcastss(scale, Arguments.of(RDI, Field.SCALE));
        asm.mov(RAX, Arguments.of(RDI, Field.PANEL_STRIDE));
        asm.mov(R8, Arguments.of(RDI, Field.SCORES));
        asm.mov(R9, Arguments.of(RDI, Field.STATES));
        asm.mov(R10, Arguments.of(RDI, Field.WEIGHTED));
        asm.mov(R11, Arguments.of(RDI, Field.PANELS));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.bind(row);

        asm.vmovups(correction, Address.at(R9, 0)); // the maximum before
        asm.vmovups(maximum, correction);
        for (int offset = 0; offset < ROW_BYTES; offset += set.bytes()) {
            asm.vmulps(score, scale, Address.at(R8, offset));
            asm.vmovups(Address.at(R8, offset), score);
            asm.vmaxps(maximum, score, maximum); // without a NaN from here on
        }
        spreadMaximum(asm, maximum, n);
        asm.vmovups(Address.at(R9, 0), maximum);

        for (int offset = 0; offset < ROW_BYTES; offset += set.bytes()) {
            asm.vmovups(score, Address.at(R8, offset));
            asm.vsubps(score, score, maximum);
            exp.expOfNegative(score, square, p, n);
            asm.vmovups(Address.at(R8, offset), score);
        }
        asm.vsubps(correction, correction, maximum);
        exp.expOfNegative(correction, square, p, n);

        asm.vmulps(sum, correction, Address.at(R9, SUM));
        for (int key = 0; key < KeyValueBlock.TOKENS; key++) {
            asm.vbroadcastss(n, Address.at(R8, key * Float.BYTES));
            asm.vaddps(sum, sum, n);
        }
        asm.vmovups(Address.at(R9, SUM), sum);

        asm.mov(RSI, R10);
        asm.mov(RDX, R11);
        asm.bind(panel);
        for (int offset = 0; offset < WeightedSumCode.SUM_ROW; offset += set.bytes()) {
            asm.vmulps(score, correction, Address.at(RSI, offset));
            asm.vmovups(Address.at(RSI, offset), score);
        }
        asm.add(RSI, RAX);
        asm.sub(RDX, 1);
        asm.jump(Condition.NOT_EQUAL, panel);

        asm.add(R8, ROW_BYTES);
        asm.add(R9, STATE_BYTES);
        asm.add(R10, WeightedSumCode.SUM_ROW);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.pop(RBX);
        asm.ret();
        return asm.code();
    }

    /// Brings the greatest number of a vector to all of its places.
    private static void spreadMaximum(Assembler asm, Vector maximum, Vector other) {
        switch (maximum) {
            case Zmm zmm -> {
                asm.vshuff32x4((Zmm) other, zmm, zmm, HALVES);
                asm.vmaxps(maximum, other, maximum);
                asm.vshuff32x4((Zmm) other, zmm, zmm, NEIGHBOURS);
            }
            case Ymm ymm -> asm.vperm2f128((Ymm) other, ymm, ymm, GROUPS);
        }
        asm.vmaxps(maximum, other, maximum);
        asm.vshufps(other, maximum, maximum, HALVES);
        asm.vmaxps(maximum, other, maximum);
        asm.vshufps(other, maximum, maximum, NEIGHBOURS);
        asm.vmaxps(maximum, other, maximum);
    }
}
