package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes functions that bring inputs of a panel into pairs of bfloat16 numbers, the order of instructions for
/// bfloat16: `[pairs of inputs][32 outputs][2]`.
public final class PairCode {
    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
        /// `[2 · pairs][32]`: bfloat16 in the layout of `Bf16Panels`, or float32.
        FROM,
        /// `[pairs][32][2]`, written.
        TO,
        /// The number of pairs, at least 1.
        PAIRS,
        /// The constant [WidenCode#UPPER_HALF]; unused with float32.
        UPPER_HALF
    }

    /// The function `(to & a) | b` of three bits.
    private static final int AND_OR = 0xea;

    private static final int PAIR_BYTES = 2 * Matrix.PANEL * Short.BYTES;

    private PairCode() {}

    /// Writes the function for panels of bfloat16. Each input is one vector of words, whose lower halves belong to
    /// the left outputs, and whose upper halves belong to the right ones.
    static byte[] ofBf16() {
        Zmm first = new Zmm(0);
        Zmm second = new Zmm(1);
        Zmm left = new Zmm(2);
        Zmm right = new Zmm(3);
        Zmm upperHalf = new Zmm(4);
        Zmm lowerHalf = new Zmm(5);
        Label pair = new Label();
        Assembler asm = start();
        asm.vbroadcastss(upperHalf, Arguments.of(RDI, Field.UPPER_HALF));
        asm.vpsrld(lowerHalf, upperHalf, Short.SIZE);
        asm.bind(pair);
        asm.vmovups(first, Address.at(RAX, 0));
        asm.vmovups(second, Address.at(RAX, Zmm.BYTES));
        join(asm, first, second, left, right, lowerHalf, upperHalf);
        asm.vmovups(Address.at(RDX, 0), first);
        asm.vmovups(Address.at(RDX, Zmm.BYTES), second);
        asm.add(RAX, 2 * Matrix.PANEL * Short.BYTES);
        return end(asm, pair);
    }

    /// Joins two inputs of a panel of bfloat16 to pairs.
    ///
    /// @param first has the first input, and then the pairs of the left outputs
    /// @param second has the second input, and then the pairs of the right outputs
    /// @param left a register that is overwritten, like `right`
    /// @param lowerHalf has the constant 0x0000ffff, and `upperHalf` its complement
    static void join(Assembler asm, Zmm first, Zmm second, Zmm left, Zmm right, Zmm lowerHalf, Zmm upperHalf) {
        asm.vpslld(left, second, Short.SIZE);
        asm.vpsrld(right, first, Short.SIZE);
        asm.vpternlogd(first, lowerHalf, left, AND_OR);
        asm.vpternlogd(second, upperHalf, right, AND_OR);
    }

    /// Writes the function for panels of float32, whose numbers it rounds.
    static byte[] ofF32() {
        Zmm first = new Zmm(0);
        Zmm second = new Zmm(1);
        Label pair = new Label();
        Assembler asm = start();
        asm.bind(pair);
        for (int offset = 0; offset < 2 * Zmm.BYTES; offset += Zmm.BYTES) {
            round(asm, first, Address.at(RAX, offset));
            round(asm, second, Address.at(RAX, Matrix.PANEL * Float.BYTES + offset));
            asm.vpslld(second, second, Short.SIZE);
            asm.vpord(first, first, second);
            asm.vmovups(Address.at(RDX, offset), first);
        }
        asm.add(RAX, 2 * Matrix.PANEL * Float.BYTES);
        return end(asm, pair);
    }

    /// Rounds numbers, and leaves each in the lower half of a word.
    private static void round(Assembler asm, Zmm to, Address from) {
        asm.vmovups(to, from);
        asm.vcvtneps2bf16(to, to);
        asm.vpmovzxwd(to, to);
    }

    private static Assembler start() {
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.PAIRS));
        return asm;
    }

    private static byte[] end(Assembler asm, Label pair) {
        asm.add(RDX, PAIR_BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, pair);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
