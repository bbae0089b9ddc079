package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.ScalarMath;

/// The exponential in machine code gives the bits of [ScalarMath#exp].
class ExpCodeTest {
    /// The distance between the bit patterns of consecutive numbers, a prime. All patterns take half a minute.
    private static final int STEP = 2003;

    @BeforeEach
    void needsThisProcessor() {
        assumeTrue(new CodeProvider().obstacle().isEmpty(), "no AVX-512 on this machine");
    }

    @Test
    void anyNumber() {
        assertBits(false, Integer.MIN_VALUE, Integer.MAX_VALUE, STEP);
    }

    /// Around −104, where the result becomes 0, and around −87.3, where it becomes subnormal.
    @Test
    void numbersWithSmallResults() {
        assertBits(true, bits(-104.01f), bits(-103.9f), -1);
        assertBits(true, bits(-87.4f), bits(-87.3f), -1);
    }

    @Test
    void negativeNumbersZeroAndNaN() {
        assertBits(true, bits(-0f), bits(Float.NEGATIVE_INFINITY) + 1000, STEP);
        assertBits(true, bits(Float.NEGATIVE_INFINITY), bits(Float.NEGATIVE_INFINITY) + 10, 1);
        assertBits(true, bits(0f), bits(0f) + 1, 1);
        assertBits(true, bits(Float.NaN), bits(Float.NaN) + 1, 1);
    }

    private static int bits(float number) {
        return Float.floatToRawIntBits(number);
    }

    /// Compares the numbers from one bit pattern to another.
    ///
    /// @param negative whether to use the steps for numbers that are at most 0
    private static void assertBits(boolean negative, int first, int end, int step) {
        MachineCode exp = MachineCode.of(code(negative));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment numbers = arena.allocate(Zmm.BYTES, Zmm.BYTES);
            MemorySegment operands = arena.allocate(JAVA_LONG, 2);
            operands.setAtIndex(JAVA_LONG, 0, ExpCode.constants());
            operands.setAtIndex(JAVA_LONG, 1, numbers.address());
            int[] inputs = new int[Zmm.FLOATS];
            for (long next = first; step > 0 ? next < end : next > end; next += (long) step * Zmm.FLOATS) {
                for (int i = 0; i < Zmm.FLOATS; i++) {
                    inputs[i] = (int) (next + (long) i * step);
                    numbers.setAtIndex(JAVA_INT, i, inputs[i]);
                }
                exp.call(operands.address());
                for (int i = 0; i < Zmm.FLOATS; i++) {
                    float number = Float.intBitsToFloat(inputs[i]);
                    float result = Float.intBitsToFloat(numbers.getAtIndex(JAVA_INT, i));
                    if (Float.floatToIntBits(result) != Float.floatToIntBits(ScalarMath.exp(number))
                            && !(negative && number > 0)) {
                        assertThat(result).as("exp of %s", number).isEqualTo(ScalarMath.exp(number));
                    }
                }
            }
        }
    }

    /// A function that replaces 16 numbers by their exponentials.
    private static byte[] code(boolean negative) {
        Zmm x = new Zmm(0);
        Assembler asm = new Assembler();
        asm.mov(Gpr.RAX, Address.at(Gpr.RDI, 0));
        ExpCode exp = ExpCode.withConstants(asm, Gpr.RAX);
        asm.mov(Gpr.RAX, Address.at(Gpr.RDI, Long.BYTES));
        asm.vmovups(x, Address.at(Gpr.RAX, 0));
        if (negative) {
            exp.expOfNegative(x, new Zmm(1), new Zmm(2), new Zmm(3));
        } else {
            exp.exp(x, new Zmm(1), new Zmm(2), new Zmm(3));
        }
        asm.vmovups(Address.at(Gpr.RAX, 0), x);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
