package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes, for each row of a chunk of logits, the maximum and the sum of exp(logit − maximum) in 16 lanes, which are
/// added in order. With moments, it also writes the sums of exp(d) · d and exp(d) · d², with d = logit − maximum.
public final class LogSumExpCode {
    /// The operands: addresses, distances in bytes, and numbers of panels and rows.
    public enum Field {
        CONSTANTS,
        /// The first row's first 32 logits; the next row's follow them.
        LOGITS,
        /// The distance from a row's logits in a panel to those in the next.
        PANEL_STRIDE,
        PANELS,
        ROWS,
        /// `[rows][4][16]`: the maximum and the sums, each in all places of a vector. Without moments, the last
        /// two stay.
        RESULTS
    }

    /// The distance from a row's results to the next row's in bytes.
    public static final int RESULT_BYTES = 4 * Zmm.BYTES;

    private LogSumExpCode() {}

    /// @param moments whether the sums of moments are written, too
    static byte[] code(InstructionSet set, boolean moments) {
        int vectors = ScalarMath.LANES / set.floats(); // of the lanes of a sum
        Vector maximum = set.register(0);
        Vector x = set.register(1);
        Vector square = set.register(2);
        Vector p = set.register(3);
        Vector n = set.register(4);
        Vector difference = set.register(5);
        List<Vector> sums = set.registers(6, vectors);
        List<Vector> first = set.registers(6 + vectors, vectors);
        List<Vector> second = set.registers(6 + 2 * vectors, vectors);
        List<List<Vector>> all = moments ? List.of(sums, first, second) : List.of(sums);
        Label row = new Label();
        Assembler asm = new Assembler();
        asm.push(RBX);
        asm.mov(RBX, Arguments.of(RDI, Field.CONSTANTS));
        ExpCode exp = ExpCode.withConstants(asm, set, RBX);
        asm.mov(R8, Arguments.of(RDI, Field.LOGITS));
        asm.mov(RAX, Arguments.of(RDI, Field.PANEL_STRIDE));
        asm.mov(R9, Arguments.of(RDI, Field.PANELS));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.mov(R10, Arguments.of(RDI, Field.RESULTS));
        asm.bind(row);

        asm.vmovups(maximum, exp.minusInfinity());
        eachVector(asm, set, (vector, logits) -> {
            asm.vmovups(x, logits);
            asm.vmaxps(maximum, x, maximum);
        });
        asm.vmovups(Address.at(R10, 0), maximum);
        asm.vbroadcastss(maximum, Address.at(R10, 0));
        for (int lane = 1; lane < set.floats(); lane++) {
            asm.vbroadcastss(x, Address.at(R10, lane * Float.BYTES));
            asm.vmaxps(maximum, x, maximum);
        }
        asm.vmovups(Address.at(R10, 0), maximum);

        all.forEach(each -> each.forEach(sum -> asm.vpxord(sum, sum, sum)));
        eachVector(asm, set, (vector, logits) -> {
            int lanes = vector % vectors;
            asm.vmovups(x, logits);
            asm.vsubps(x, x, maximum);
            if (moments) {
                asm.vmovups(difference, exp.least());
                asm.vmaxps(difference, difference, x); // 0 · −∞ would be NaN
            }
            exp.expOfNegative(x, square, p, n);
            asm.vaddps(sums.get(lanes), sums.get(lanes), x);
            if (moments) {
                asm.vmulps(x, x, difference);
                asm.vaddps(first.get(lanes), first.get(lanes), x);
                asm.vfmadd231ps(second.get(lanes), x, difference);
            }
        });
        fold(asm, all, x);

        asm.add(R8, Matrix.PANEL * Float.BYTES);
        asm.add(R10, RESULT_BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.pop(RBX);
        asm.ret();
        return asm.code();
    }

    /// Writes the sum of the lanes of each sum, from the first to the last lane, behind the maximum. The sums take
    /// turns, because each of them is a chain.
    ///
    /// @param sums the registers of the lanes of each sum, of which the first is overwritten
    private static void fold(Assembler asm, List<List<Vector>> sums, Vector addend) {
        for (int i = 0; i < sums.size(); i++) {
            int at = result(i);
            for (Vector lanes : sums.get(i)) {
                asm.vmovups(Address.at(R10, at), lanes);
                at += Zmm.BYTES / sums.get(i).size();
            }
        }
        for (int i = 0; i < sums.size(); i++) {
            asm.vbroadcastss(sums.get(i).getFirst(), Address.at(R10, result(i)));
        }
        for (int lane = 1; lane < ScalarMath.LANES; lane++) {
            for (int i = 0; i < sums.size(); i++) {
                Vector sum = sums.get(i).getFirst();
                asm.vbroadcastss(addend, Address.at(R10, result(i) + lane * Float.BYTES));
                asm.vaddps(sum, sum, addend);
            }
        }
        for (int i = 0; i < sums.size(); i++) {
            asm.vmovups(Address.at(R10, result(i)), sums.get(i).getFirst());
        }
    }

    /// The distance from a row's results to its sum of a number: 0 for exponentials, 1 and 2 for moments.
    public static int result(int sum) {
        return (1 + sum) * Zmm.BYTES;
    }

    private interface VectorWork {
        void on(int vector, Address logits);
    }

    /// Writes a loop over the panels, each with 32 of the row's logits.
    private static void eachVector(Assembler asm, InstructionSet set, VectorWork work) {
        Label panel = new Label();
        asm.mov(RSI, R8);
        asm.mov(RDX, R9);
        asm.bind(panel);
        for (int vector = 0; vector < Matrix.PANEL / set.floats(); vector++) {
            work.on(vector, Address.at(RSI, vector * set.bytes()));
        }
        asm.add(RSI, RAX);
        asm.sub(RDX, 1);
        asm.jump(Condition.NOT_EQUAL, panel);
    }
}
