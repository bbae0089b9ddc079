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

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;

/// Writes the online softmax of a block of keys, for the rows of a vector at a time:
///
/// ```
/// score[key] = score[key] · scale
/// maximum    = the greatest of maximum and all scores
/// correction = exp(the maximum before − maximum)
/// score[key] = exp(score[key] − maximum)
/// sum        = sum · correction + score[0] + … + score[keys − 1]
/// ```
public final class SoftmaxCode {
    /// The operands: addresses, distances in bytes, and `SCALE` as the bits of a float.
    public enum Field {
        CONSTANTS,
        /// `[keys][rows]`, changed in place.
        SCORES,
        /// The number of keys.
        KEYS,
        /// The distance from a key to the next.
        KEY_STRIDE,
        /// `[rows]`, changed in place.
        MAXIMA,
        /// `[rows]`, changed in place.
        SUMS,
        /// `[rows]`, written.
        CORRECTIONS,
        /// The number of vectors of rows.
        VECTORS,
        SCALE
    }

    private SoftmaxCode() {}

    static byte[] code(InstructionSet set) {
        Vector scale = set.register(0);
        Vector maximum = set.register(1);
        Vector before = set.register(2);
        Vector sum = set.register(3);
        Vector score = set.register(4);
        Vector square = set.register(5);
        Vector p = set.register(6);
        Vector n = set.register(7);
        Assembler asm = new Assembler();
        asm.push(RBX);
        asm.mov(RBX, Arguments.of(RDI, Field.CONSTANTS));
        ExpCode exp = ExpCode.withConstants(asm, set, RBX);
        asm.vbroadcastss(scale, Arguments.of(RDI, Field.SCALE));
        asm.mov(RAX, Arguments.of(RDI, Field.KEY_STRIDE));
        asm.mov(R8, Arguments.of(RDI, Field.SCORES));
        asm.mov(R9, Arguments.of(RDI, Field.MAXIMA));
        asm.mov(R10, Arguments.of(RDI, Field.SUMS));
        asm.mov(R11, Arguments.of(RDI, Field.CORRECTIONS));
        asm.mov(RCX, Arguments.of(RDI, Field.VECTORS));
        Label rows = new Label();
        asm.bind(rows);

        asm.vmovups(maximum, Address.at(R9, 0));
        asm.vmovups(before, maximum);
        eachKey(asm, () -> {
            asm.vmulps(score, scale, Address.at(RSI, 0));
            asm.vmovups(Address.at(RSI, 0), score);
            asm.vmaxps(maximum, score, maximum);
        });
        asm.vmovups(Address.at(R9, 0), maximum);

        asm.vsubps(before, before, maximum);
        exp.expOfNegative(before, square, p, n);
        asm.vmovups(Address.at(R11, 0), before);
        asm.vmulps(sum, before, Address.at(R10, 0));

        eachKey(asm, () -> {
            asm.vmovups(score, Address.at(RSI, 0));
            asm.vsubps(score, score, maximum);
            exp.expOfNegative(score, square, p, n);
            asm.vmovups(Address.at(RSI, 0), score);
            asm.vaddps(sum, sum, score);
        });
        asm.vmovups(Address.at(R10, 0), sum);

        asm.add(R8, set.bytes());
        asm.add(R9, set.bytes());
        asm.add(R10, set.bytes());
        asm.add(R11, set.bytes());
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, rows);
        asm.vzeroupper();
        asm.pop(RBX);
        asm.ret();
        return asm.code();
    }

    /// Writes a loop over the scores of these rows, whose address is in RSI.
    private static void eachKey(Assembler asm, Runnable body) {
        Label key = new Label();
        asm.mov(RSI, R8);
        asm.mov(RDX, Arguments.of(RDI, Field.KEYS));
        asm.bind(key);
        body.run();
        asm.add(RSI, RAX);
        asm.sub(RDX, 1);
        asm.jump(Condition.NOT_EQUAL, key);
    }
}
