package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.Matrix;

/// Writes, for each row of a chunk of logits, the maximum and the sum of exp(logit − maximum) in 16 lanes, which are
/// added in order. With moments, it also writes the sums of exp(d) · d and exp(d) · d², with d = logit − maximum.
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
        /// `[rows][4][16]`: the maximum and the sums, each 16 times. Without moments, the last two stay.
        RESULTS
    }

    /// The distance from a row's results to the next row's in bytes.
    static final int RESULT_BYTES = 4 * Zmm.BYTES;

    private LogSumExpCode() {}

    /// @param moments whether the sums of moments are written, too
    static byte[] code(boolean moments) {
        Zmm maximum = new Zmm(0);
        Zmm sum = new Zmm(1);
        Zmm x = new Zmm(2);
        Zmm square = new Zmm(3);
        Zmm p = new Zmm(4);
        Zmm n = new Zmm(5);
        Zmm difference = new Zmm(6);
        Zmm first = new Zmm(7);
        Zmm second = new Zmm(8);
        List<Zmm> sums = moments ? List.of(sum, first, second) : List.of(sum);
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

        sums.forEach(each -> asm.vpxord(each, each, each));
        eachVector(asm, logits -> {
            asm.vmovups(x, logits);
            asm.vsubps(x, x, maximum);
            if (moments) {
                asm.vmaxps(difference, ExpCode.least(), x); // 0 · −∞ would be NaN
            }
            exp.expOfNegative(x, square, p, n);
            asm.vaddps(sum, sum, x);
            if (moments) {
                asm.vmulps(x, x, difference);
                asm.vaddps(first, first, x);
                asm.vfmadd231ps(second, x, difference);
            }
        });
        fold(asm, sums);

        asm.add(R8, Matrix.PANEL * Float.BYTES);
        asm.add(R10, RESULT_BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    /// Writes the sum of the lanes of each register, from the first to the last lane, behind the maximum. The sums
    /// take turns, because each of them is a chain.
    private static void fold(Assembler asm, List<Zmm> sums) {
        for (int i = 0; i < sums.size(); i++) {
            asm.vmovups(Address.at(R10, result(i)), sums.get(i));
        }
        for (int i = 0; i < sums.size(); i++) {
            asm.vbroadcastss(sums.get(i), Address.at(R10, result(i)));
        }
        for (int lane = 1; lane < Zmm.FLOATS; lane++) {
            for (int i = 0; i < sums.size(); i++) {
                Zmm sum = sums.get(i);
                asm.vaddps(
                        sum,
                        sum,
                        Address.at(R10, result(i) + lane * Float.BYTES).toAllLanes());
            }
        }
        for (int i = 0; i < sums.size(); i++) {
            asm.vmovups(Address.at(R10, result(i)), sums.get(i));
        }
    }

    /// The distance from a row's results to its sum of a number: 0 for exponentials, 1 and 2 for moments.
    static int result(int sum) {
        return (1 + sum) * Zmm.BYTES;
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
