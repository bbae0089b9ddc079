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
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes `to[input][row] = rows[row][input]`, for 16 rows, and 16 inputs at a time.
///
/// Each square passes through four steps of 16 instructions, which exchange numbers of two registers: single numbers,
/// pairs, and then groups of four twice.
public final class TransposeCode {
    /// The number of rows, and of the inputs that are transposed together: the numbers of a vector.
    private static final int SQUARE = Zmm.FLOATS;

    /// The operands, of which addresses are of native memory.
    public enum Field {
        /// The addresses of the rows' first inputs, one after the other.
        ROWS,
        /// The first input's numbers of these rows, written.
        TO,
        /// The distance from an input to the next in bytes.
        TO_STRIDE,
        /// The number of inputs, divided by the numbers of a vector.
        SQUARES
    }

    // Places of two bits, from the first on: pairs, and every second group of four.
    private static final int LOWER_PAIRS = 0b01_00_01_00;
    private static final int UPPER_PAIRS = 0b11_10_11_10;
    private static final int EVEN = 0b10_00_10_00;
    private static final int ODD = 0b11_01_11_01;

    private final Assembler asm = new Assembler();

    private TransposeCode() {}

    static byte[] code() {
        TransposeCode code = new TransposeCode();
        code.write();
        return code.asm.code();
    }

    private void write() {
        Label square = new Label();
        asm.mov(RSI, Arguments.of(RDI, Field.ROWS));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RAX, Arguments.of(RDI, Field.TO_STRIDE));
        asm.mov(RCX, Arguments.of(RDI, Field.SQUARES));
        asm.mov(R8, 0); // bytes of the inputs before
        asm.bind(square);
        for (int row = 0; row < SQUARE; row++) {
            asm.mov(R9, Address.at(RSI, row * Long.BYTES));
            asm.vmovups(low(row), Address.at(R9, R8, 1, 0));
        }
        exchange();
        for (int input = 0; input < SQUARE; input++) {
            asm.vmovups(Address.at(RDX, 0), low(input));
            asm.add(RDX, RAX);
        }
        asm.add(R8, SQUARE * Float.BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, square);
        asm.vzeroupper();
        asm.ret();
    }

    private void exchange() {
        for (int row = 0; row < SQUARE; row += 2) {
            asm.vunpcklps(high(row), low(row), low(row + 1));
            asm.vunpckhps(high(row + 1), low(row), low(row + 1));
        }
        // Then, register 4 g + j has the inputs 4 l + j of the rows 4 g to 4 g + 3 in its group l.
        for (int row = 0; row < SQUARE; row += 4) {
            for (int i = 0; i < 2; i++) {
                asm.vshufps(low(row + 2 * i), high(row + i), high(row + 2 + i), LOWER_PAIRS);
                asm.vshufps(low(row + 2 * i + 1), high(row + i), high(row + 2 + i), UPPER_PAIRS);
            }
        }
        for (int j = 0; j < 4; j++) {
            for (int half = 0; half < 2; half++) {
                Zmm first = low(8 * half + j);
                Zmm second = low(8 * half + 4 + j);
                asm.vshuff32x4(high(4 * j + 2 * half), first, second, EVEN);
                asm.vshuff32x4(high(4 * j + 2 * half + 1), first, second, ODD);
            }
        }
        for (int j = 0; j < 4; j++) {
            for (int odd = 0; odd < 2; odd++) {
                Zmm first = high(4 * j + odd);
                Zmm second = high(4 * j + 2 + odd);
                asm.vshuff32x4(low(4 * odd + j), first, second, EVEN);
                asm.vshuff32x4(low(4 * (odd + 2) + j), first, second, ODD);
            }
        }
    }

    private static Zmm low(int number) {
        return new Zmm(number);
    }

    private static Zmm high(int number) {
        return new Zmm(SQUARE + number);
    }
}
