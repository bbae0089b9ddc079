package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Operand;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the function that widens inputs of a panel of bfloat16 to float32, so that a tile of many rows has no such
/// work in its loop.
public final class WidenCode {
    /// The constant that keeps the upper halves of words.
    public static final long UPPER_HALF = 0xffff0000L;

    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
        /// `[inputs][32]`, in the layout of `Bf16Panels`.
        FROM,
        /// `[inputs][32]`, written.
        TO,
        /// The number of inputs.
        INPUTS,
        /// The constant [#UPPER_HALF].
        UPPER_HALF
    }

    private WidenCode() {}

    static byte[] code(InstructionSet set) {
        Vector left = set.register(0);
        Vector right = set.register(1);
        Vector upperHalf = set.register(2);
        int half = Matrix.PANEL / 2 * Float.BYTES;
        Label input = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.INPUTS));
        asm.vbroadcastss(upperHalf, Arguments.of(RDI, Field.UPPER_HALF));
        asm.bind(input);
        for (int offset = 0; offset < half; offset += set.bytes()) {
            asm.vmovups(left, Address.at(RAX, offset));
            halves(asm, left, right, upperHalf);
            asm.vmovups(Address.at(RDX, offset), left);
            asm.vmovups(Address.at(RDX, half + offset), right);
        }
        asm.add(RAX, Matrix.PANEL * Short.BYTES);
        asm.add(RDX, Matrix.PANEL * Float.BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, input);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    /// Widens a vector of words, whose lower halves are the left bfloat16 numbers and whose upper halves are the
    /// right ones.
    ///
    /// @param left has the words
    /// @param upperHalf has the constant [#UPPER_HALF] in each word
    static void halves(Assembler asm, Vector left, Vector right, Operand upperHalf) {
        asm.vpandd(right, left, upperHalf);
        asm.vpslld(left, left, Short.SIZE);
    }
}
