package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes functions that round a row of float32 numbers to bfloat16, or split it into two rows of bfloat16: the rounded
/// numbers, and what rounding left, rounded.
public final class RoundCode {
    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
        /// `[32 · blocks]` in float32.
        FROM,
        /// `[32 · blocks]` in bfloat16, written.
        TO,
        /// The second part, `[32 · blocks]` in bfloat16, written; unused if there is one part.
        REST,
        /// The number of blocks of 32 numbers, at least 1.
        BLOCKS
    }

    private static final Zmm LOW = new Zmm(0);
    private static final Zmm HIGH = new Zmm(1);
    private static final Zmm ROUNDED = new Zmm(2);

    private RoundCode() {}

    /// @param splits whether there is a second part
    static byte[] code(boolean splits) {
        Label block = new Label();
        Assembler asm = new Assembler();
        asm.mov(RSI, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(R8, Arguments.of(RDI, Field.REST));
        asm.mov(RCX, Arguments.of(RDI, Field.BLOCKS));
        asm.bind(block);
        asm.vmovups(LOW, Address.at(RSI, 0));
        asm.vmovups(HIGH, Address.at(RSI, Zmm.BYTES));
        asm.vcvtne2ps2bf16(ROUNDED, HIGH, LOW);
        asm.vmovups(Address.at(RDX, 0), ROUNDED);
        if (splits) {
            subtractRounded(asm, LOW);
            subtractRounded(asm, HIGH);
            asm.vcvtne2ps2bf16(ROUNDED, HIGH, LOW);
            asm.vmovups(Address.at(R8, 0), ROUNDED);
            asm.add(R8, Zmm.BYTES);
        }
        asm.add(RSI, Arithmetic.BLOCK * Float.BYTES);
        asm.add(RDX, Zmm.BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, block);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    private static void subtractRounded(Assembler asm, Zmm numbers) {
        asm.vcvtneps2bf16(ROUNDED, numbers);
        asm.vpmovzxwd(ROUNDED, ROUNDED);
        asm.vpslld(ROUNDED, ROUNDED, Short.SIZE);
        asm.vsubps(numbers, numbers, ROUNDED);
    }
}
