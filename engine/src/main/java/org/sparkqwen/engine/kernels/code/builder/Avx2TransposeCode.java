package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Ymm;

/// Writes the function of [TransposeCode] for AVX2: it transposes eight rows, eight inputs at a time. Each square goes
/// through three steps, which exchange single numbers of two registers, pairs, and groups of four.
final class Avx2TransposeCode {
    private static final int SQUARE = Ymm.FLOATS;

    // Places of two bits, from the first on
    private static final int LOWER_PAIRS = 0b01_00_01_00;
    private static final int UPPER_PAIRS = 0b11_10_11_10;

    // Places of four bits: the lower group of 128 bits of each of two registers, and the upper ones
    private static final int LOWER_GROUPS = 0x20;
    private static final int UPPER_GROUPS = 0x31;

    private Avx2TransposeCode() {}

    static byte[] code() {
        Label square = new Label();
        Assembler asm = new Assembler();
        asm.mov(RSI, Arguments.of(RDI, TransposeCode.Field.ROWS));
        asm.mov(RDX, Arguments.of(RDI, TransposeCode.Field.TO));
        asm.mov(RAX, Arguments.of(RDI, TransposeCode.Field.TO_STRIDE));
        asm.mov(RCX, Arguments.of(RDI, TransposeCode.Field.SQUARES));
        asm.mov(R8, 0); // bytes of the inputs before
        asm.bind(square);
        for (int row = 0; row < SQUARE; row++) {
            asm.mov(R9, Address.at(RSI, row * Long.BYTES));
            asm.vmovups(low(row), Address.at(R9, R8, 1, 0));
        }
        exchange(asm);
        for (int input = 0; input < SQUARE; input++) {
            asm.vmovups(Address.at(RDX, 0), high(input));
            asm.add(RDX, RAX);
        }
        asm.add(R8, SQUARE * Float.BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, square);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    private static void exchange(Assembler asm) {
        for (int row = 0; row < SQUARE; row += 2) {
            asm.vunpcklps(high(row), low(row), low(row + 1));
            asm.vunpckhps(high(row + 1), low(row), low(row + 1));
        }
        // Then, register 4 g + j has the inputs j and 4 + j of the rows 4 g to 4 g + 3.
        for (int row = 0; row < SQUARE; row += 4) {
            for (int i = 0; i < 2; i++) {
                asm.vshufps(low(row + 2 * i), high(row + i), high(row + 2 + i), LOWER_PAIRS);
                asm.vshufps(low(row + 2 * i + 1), high(row + i), high(row + 2 + i), UPPER_PAIRS);
            }
        }
        for (int j = 0; j < 4; j++) {
            asm.vperm2f128(high(j), low(j), low(4 + j), LOWER_GROUPS);
            asm.vperm2f128(high(4 + j), low(j), low(4 + j), UPPER_GROUPS);
        }
    }

    private static Ymm low(int number) {
        return new Ymm(number);
    }

    private static Ymm high(int number) {
        return new Ymm(SQUARE + number);
    }
}
