package org.sparkqwen.engine.kernels.code.builder;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// The exponential in machine code gives the bits of [ScalarMath#exp].
class ExpCodeTest {
    /// The distance between the bit patterns of consecutive numbers, a prime. All patterns take half a minute.
    private static final int STEP = 2003;

    @ParameterizedTest
    @EnumSource(InstructionSet.class)
    void anyNumber(InstructionSet set) {
        assertBits(set, false, Integer.MIN_VALUE, Integer.MAX_VALUE, STEP);
    }

    /// Around −104, where the result becomes 0, and around −87.3, where it becomes subnormal.
    @ParameterizedTest
    @EnumSource(InstructionSet.class)
    void numbersWithSmallResults(InstructionSet set) {
        assertBits(set, true, bits(-104.01f), bits(-103.9f), -1);
        assertBits(set, true, bits(-87.4f), bits(-87.3f), -1);
    }

    @ParameterizedTest
    @EnumSource(InstructionSet.class)
    void negativeNumbersZeroAndNaN(InstructionSet set) {
        assertBits(set, true, bits(-0f), bits(Float.NEGATIVE_INFINITY) + 1000, STEP);
        assertBits(set, true, bits(Float.NEGATIVE_INFINITY), bits(Float.NEGATIVE_INFINITY) + 10, 1);
        assertBits(set, true, bits(0f), bits(0f) + 1, 1);
        assertBits(set, true, bits(Float.NaN), bits(Float.NaN) + 1, 1);
    }

    private static int bits(float number) {
        return Float.floatToRawIntBits(number);
    }

    /// Compares the numbers from one bit pattern to another.
    ///
    /// @param negative whether to use the steps for numbers that are at most 0
    private static void assertBits(InstructionSet set, boolean negative, int first, int end, int step) {
        set.obstacle().ifPresent(reason -> assumeTrue(false, reason));
        MachineCode exp = MachineCode.of(code(set, negative));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment numbers = arena.allocate(Zmm.BYTES, Zmm.BYTES);
            MemorySegment operands = arena.allocate(JAVA_LONG, 2);
            operands.setAtIndex(JAVA_LONG, 0, ExpCode.constants());
            operands.setAtIndex(JAVA_LONG, 1, numbers.address());
            int[] inputs = new int[set.floats()];
            for (long next = first; step > 0 ? next < end : next > end; next += (long) step * set.floats()) {
                for (int i = 0; i < set.floats(); i++) {
                    inputs[i] = (int) (next + (long) i * step);
                    numbers.setAtIndex(JAVA_INT, i, inputs[i]);
                }
                exp.call(operands.address());
                for (int i = 0; i < set.floats(); i++) {
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

    /// A function that replaces a vector of numbers by their exponentials.
    private static byte[] code(InstructionSet set, boolean negative) {
        Vector x = set.register(0);
        Assembler asm = new Assembler();
        asm.mov(Gpr.RCX, Address.at(Gpr.RDI, 0));
        ExpCode exp = ExpCode.withConstants(asm, set, Gpr.RCX);
        asm.mov(Gpr.RAX, Address.at(Gpr.RDI, Long.BYTES));
        asm.vmovups(x, Address.at(Gpr.RAX, 0));
        if (negative) {
            exp.expOfNegative(x, set.register(1), set.register(2), set.register(3));
        } else {
            exp.exp(x, set.register(1), set.register(2), set.register(3));
        }
        asm.vmovups(Address.at(Gpr.RAX, 0), x);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
