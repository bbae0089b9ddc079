package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.Gpr.RSI;

import org.sparkqwen.engine.kernels.KeyValueBlock;

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
final class RowSoftmaxCode {
    /// The operands: addresses, distances in bytes, and `SCALE` as the bits of a float.
    enum Field {
        CONSTANTS,
        /// `[rows][32 keys]`, changed in place.
        SCORES,
        /// `[rows][2][16]`: the maximum and the sum, each 16 times, changed in place.
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
    static final int STATE_BYTES = 2 * Zmm.BYTES;

    private static final int ROW_BYTES = KeyValueBlock.TOKENS * Float.BYTES;

    // The orders of groups of 128 bits, and of numbers within them, that exchange halves and neighbours.
    private static final int HALVES = 0b01_00_11_10;
    private static final int NEIGHBOURS = 0b10_11_00_01;

    private RowSoftmaxCode() {}

    static byte[] code() {
        Zmm scale = new Zmm(0);
        Zmm maximum = new Zmm(1);
        Zmm correction = new Zmm(2);
        Zmm sum = new Zmm(3);
        Zmm left = new Zmm(4);
        Zmm right = new Zmm(5);
        Zmm square = new Zmm(6);
        Zmm p = new Zmm(7);
        Zmm n = new Zmm(8);
        Label row = new Label();
        Label panel = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.CONSTANTS));
        ExpCode exp = ExpCode.withConstants(asm, RAX);
        asm.vbroadcastss(scale, Arguments.of(RDI, Field.SCALE));
        asm.mov(RAX, Arguments.of(RDI, Field.PANEL_STRIDE));
        asm.mov(R8, Arguments.of(RDI, Field.SCORES));
        asm.mov(R9, Arguments.of(RDI, Field.STATES));
        asm.mov(R10, Arguments.of(RDI, Field.WEIGHTED));
        asm.mov(R11, Arguments.of(RDI, Field.PANELS));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.bind(row);

        asm.vmovups(correction, Address.at(R9, 0)); // the maximum before
        asm.vmulps(left, scale, Address.at(R8, 0));
        asm.vmulps(right, scale, Address.at(R8, Zmm.BYTES));
        asm.vmaxps(maximum, left, correction); // without a NaN from here on
        asm.vmaxps(maximum, right, maximum);
        asm.vshuff32x4(n, maximum, maximum, HALVES);
        asm.vmaxps(maximum, n, maximum);
        asm.vshuff32x4(n, maximum, maximum, NEIGHBOURS);
        asm.vmaxps(maximum, n, maximum);
        asm.vshufps(n, maximum, maximum, HALVES);
        asm.vmaxps(maximum, n, maximum);
        asm.vshufps(n, maximum, maximum, NEIGHBOURS);
        asm.vmaxps(maximum, n, maximum);
        asm.vmovups(Address.at(R9, 0), maximum);

        asm.vsubps(left, left, maximum);
        exp.expOfNegative(left, square, p, n);
        asm.vmovups(Address.at(R8, 0), left);
        asm.vsubps(right, right, maximum);
        exp.expOfNegative(right, square, p, n);
        asm.vmovups(Address.at(R8, Zmm.BYTES), right);
        asm.vsubps(correction, correction, maximum);
        exp.expOfNegative(correction, square, p, n);

        asm.vmulps(sum, correction, Address.at(R9, Zmm.BYTES));
        for (int key = 0; key < KeyValueBlock.TOKENS; key++) {
            asm.vaddps(sum, sum, Address.at(R8, key * Float.BYTES).toAllLanes());
        }
        asm.vmovups(Address.at(R9, Zmm.BYTES), sum);

        asm.mov(RSI, R10);
        asm.mov(RDX, R11);
        asm.bind(panel);
        for (int offset = 0; offset < WeightedSumCode.SUM_ROW; offset += Zmm.BYTES) {
            asm.vmulps(left, correction, Address.at(RSI, offset));
            asm.vmovups(Address.at(RSI, offset), left);
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
        asm.ret();
        return asm.code();
    }
}
