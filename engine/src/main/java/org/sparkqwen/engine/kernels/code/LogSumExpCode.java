package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.Gpr.RSI;

import org.sparkqwen.engine.kernels.Matrix;

/// Writes, for each row of a chunk of logits, the maximum and the sum of exp(logit − maximum) in 16 lanes, which are
/// added in order.
final class LogSumExpCode {
    /// The operands: addresses, distances in bytes, and numbers of panels and rows.
    enum Field {
        CONSTANTS,
        /// The first row's first 32 logits; the next row's follow them.
        LOGITS,
        /// The distance from a row's logits in a panel to those in the next.
        PANEL_STRIDE,
        PANELS,
        ROWS,
        /// `[rows][2][16]`: the maximum and the sum, each 16 times.
        RESULTS
    }

    /// The distance from a row's results to the next row's in bytes.
    static final int RESULT_BYTES = 2 * Zmm.BYTES;

    private LogSumExpCode() {}

    static byte[] code() {
        Zmm maximum = new Zmm(0);
        Zmm sum = new Zmm(1);
        Zmm x = new Zmm(2);
        Zmm square = new Zmm(3);
        Zmm p = new Zmm(4);
        Zmm n = new Zmm(5);
        Label row = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.CONSTANTS));
        ExpCode exp = ExpCode.withConstants(asm, RAX);
        asm.mov(R8, Arguments.of(RDI, Field.LOGITS));
        asm.mov(RAX, Arguments.of(RDI, Field.PANEL_STRIDE));
        asm.mov(R9, Arguments.of(RDI, Field.PANELS));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.mov(R10, Arguments.of(RDI, Field.RESULTS));
        asm.bind(row);

        asm.vmovups(maximum, ExpCode.minusInfinity());
        eachVector(asm, logits -> {
            asm.vmovups(x, logits);
            asm.vmaxps(maximum, x, maximum);
        });
        asm.vmovups(Address.at(R10, 0), maximum);
        asm.vbroadcastss(maximum, Address.at(R10, 0));
        for (int lane = 1; lane < Zmm.FLOATS; lane++) {
            asm.vbroadcastss(x, Address.at(R10, lane * Float.BYTES));
            asm.vmaxps(maximum, x, maximum);
        }
        asm.vmovups(Address.at(R10, 0), maximum);

        asm.vpxord(sum, sum, sum);
        eachVector(asm, logits -> {
            asm.vmovups(x, logits);
            asm.vsubps(x, x, maximum);
            exp.expOfNegative(x, square, p, n);
            asm.vaddps(sum, sum, x);
        });
        asm.vmovups(Address.at(R10, Zmm.BYTES), sum);
        asm.vbroadcastss(sum, Address.at(R10, Zmm.BYTES));
        for (int lane = 1; lane < Zmm.FLOATS; lane++) {
            asm.vaddps(sum, sum, Address.at(R10, Zmm.BYTES + lane * Float.BYTES).toAllLanes());
        }
        asm.vmovups(Address.at(R10, Zmm.BYTES), sum);

        asm.add(R8, Matrix.PANEL * Float.BYTES);
        asm.add(R10, RESULT_BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    private interface VectorWork {
        void on(Address logits);
    }

    /// Writes a loop over the panels, each with two vectors of the row's logits.
    private static void eachVector(Assembler asm, VectorWork work) {
        Label panel = new Label();
        asm.mov(RSI, R8);
        asm.mov(RDX, R9);
        asm.bind(panel);
        work.on(Address.at(RSI, 0));
        work.on(Address.at(RSI, Zmm.BYTES));
        asm.add(RSI, RAX);
        asm.sub(RDX, 1);
        asm.jump(Condition.NOT_EQUAL, panel);
    }
}
