package org.sparkqwen.engine.kernels.code.builder;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Mask;
import org.sparkqwen.engine.kernels.code.x86.Operand;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes eˣ for a register of numbers: the steps of [ScalarMath#exp] in the same order, so the same bits.
///
/// With AVX-512, the constants stay in registers 16 to 30, and a mask is in use. With AVX2, they stay in memory, whose
/// address remains in a general-purpose register, and vector registers 13 to 15 are in use. A function that uses this
/// leaves all of these alone.
@SuppressWarnings("EnumOrdinal") // a constant's place follows from its place in the enum
public final class ExpCode {
    /// The first register of the constants.
    private static final int FIRST = 16;

    /// The mask of numbers whose eˣ is not 0.
    private static final Mask POSITIVE = new Mask(1);

    private static final int EXPONENT_BIAS = 127;
    private static final int MANTISSA_BITS = 23;

    // The registers of AVX2: which numbers have an eˣ that is not 0, and two powers of two
    private static final Ymm IS_POSITIVE = new Ymm(13);
    private static final Ymm HALF_POWER = new Ymm(14);
    private static final Ymm OTHER_POWER = new Ymm(15);

    /// The constants, in the order of their registers, and of their vectors in memory.
    private enum Constant {
        MIN(ScalarMath.EXP_MIN),
        MAX(ScalarMath.EXP_MAX),
        LOG2_E(ScalarMath.LOG2_E),
        ROUND(ScalarMath.ROUND),
        MINUS_LN2_HIGH(-ScalarMath.LN2_HIGH),
        MINUS_LN2_LOW(-ScalarMath.LN2_LOW),
        C5(ScalarMath.EXP_C5),
        C4(ScalarMath.EXP_C4),
        C3(ScalarMath.EXP_C3),
        C2(ScalarMath.EXP_C2),
        C1(ScalarMath.EXP_C1),
        C0(ScalarMath.EXP_C0),
        ONE(1f),
        SIGN(-0f),
        MINUS_INFINITY(Float.NEGATIVE_INFINITY),
        TWICE_BIAS(Float.intBitsToFloat(2 * EXPONENT_BIAS));

        private final int bits;

        Constant(float value) {
            bits = Float.floatToRawIntBits(value);
        }

        Zmm register() {
            return new Zmm(FIRST + ordinal());
        }

        /// Where a function finds the constant, once or as a vector of AVX2.
        ///
        /// @param from has the address of the constants
        Address in(Gpr from) {
            return Address.at(from, ordinal() * Ymm.BYTES);
        }
    }

    private static final MemorySegment CONSTANTS = Arena.global()
            .allocateFrom(
                    JAVA_INT,
                    IntStream.range(0, Constant.values().length * Ymm.FLOATS)
                            .map(i -> Constant.values()[i / Ymm.FLOATS].bits)
                            .toArray());

    private final Assembler asm;
    private final InstructionSet set;
    private final Gpr constants;

    private ExpCode(Assembler asm, InstructionSet set, Gpr constants) {
        this.asm = asm;
        this.set = set;
        this.constants = constants;
    }

    /// The address of the constants, which a function gets with its operands.
    public static long constants() {
        return CONSTANTS.address();
    }

    /// Makes the constants ready.
    ///
    /// @param from has their address, and keeps it with AVX2
    static ExpCode withConstants(Assembler asm, InstructionSet set, Gpr from) {
        if (set == InstructionSet.AVX_512) {
            for (Constant constant : Constant.values()) {
                if (constant != Constant.TWICE_BIAS) {
                    asm.vbroadcastss(constant.register(), constant.in(from));
                }
            }
        }
        return new ExpCode(asm, set, from);
    }

    /// The place of the constant 1.
    ///
    /// @param from has the address of the constants
    static Address addressOfOne(Gpr from) {
        return Constant.ONE.in(from);
    }

    Operand one() {
        return operand(Constant.ONE);
    }

    Operand sign() {
        return operand(Constant.SIGN);
    }

    /// The least number whose eˣ is not known to be 0.
    Operand least() {
        return operand(Constant.MIN);
    }

    Operand minusInfinity() {
        return operand(Constant.MINUS_INFINITY);
    }

    private Operand operand(Constant constant) {
        return switch (set) {
            case AVX_512 -> constant.register();
            case AVX2 -> constant.in(constants);
        };
    }

    /// Replaces `x` by eˣ.
    ///
    /// @param square overwritten, as `p` and `n` are
    void exp(Vector x, Vector square, Vector p, Vector n) {
        asm.vmovups(n, operand(Constant.MAX));
        asm.vminps(x, n, x);
        expOfNegative(x, square, p, n);
    }

    /// Replaces `x` by eˣ, for numbers that are at most 0 or NaN.
    ///
    /// Where the result is 0, a mask says so. Otherwise it would come from an underflow, which takes some hundred
    /// cycles, and attention has many scores of −∞.
    ///
    /// @param square overwritten, as `p` and `n` are
    void expOfNegative(Vector x, Vector square, Vector p, Vector n) {
        Operand round = operand(Constant.ROUND);
        compare(x);
        asm.vmovups(n, operand(Constant.LOG2_E));
        asm.vfmadd213ps(n, x, round);
        powersOfTwo(n);
        asm.vsubps(n, n, round); // the nearest integer to x / ln 2
        asm.vfmadd231ps(x, n, operand(Constant.MINUS_LN2_HIGH));
        asm.vfmadd231ps(x, n, operand(Constant.MINUS_LN2_LOW));
        asm.vmovups(p, operand(Constant.C5));
        asm.vfmadd213ps(p, x, operand(Constant.C4));
        asm.vfmadd213ps(p, x, operand(Constant.C3));
        asm.vfmadd213ps(p, x, operand(Constant.C2));
        asm.vfmadd213ps(p, x, operand(Constant.C1));
        asm.vfmadd213ps(p, x, operand(Constant.C0));
        asm.vmulps(square, x, x);
        asm.vfmadd213ps(p, square, x);
        asm.vaddps(p, p, one());
        scale(x, p, n);
    }

    /// Finds the numbers whose eˣ is not 0. With AVX2, the others become 0, so that nothing underflows.
    private void compare(Vector x) {
        switch (x) {
            case Zmm zmm -> asm.vcmpps(POSITIVE, zmm, Constant.MIN.register(), Assembler.NOT_LESS);
            case Ymm ymm -> {
                asm.vcmpps(IS_POSITIVE, ymm, operand(Constant.MIN), Assembler.NOT_LESS);
                asm.vpandd(ymm, ymm, IS_POSITIVE);
            }
        }
    }

    /// Computes the two powers of two whose product is 2ⁿ with AVX2, as [ScalarMath#exp] does.
    ///
    /// @param shifted n + [ScalarMath#ROUND], whose lowest bits are those of n. Those above leave with the shift
    ///     to the place of a float's exponent.
    private void powersOfTwo(Vector shifted) {
        if (set == InstructionSet.AVX2) {
            asm.vpaddd(OTHER_POWER, shifted, operand(Constant.TWICE_BIAS));
            asm.vpsrad(HALF_POWER, OTHER_POWER, 1);
            asm.vpsubd(OTHER_POWER, OTHER_POWER, HALF_POWER);
            asm.vpslld(HALF_POWER, HALF_POWER, MANTISSA_BITS);
            asm.vpslld(OTHER_POWER, OTHER_POWER, MANTISSA_BITS);
        }
    }

    /// Multiplies by 2ⁿ. [ScalarMath#exp] multiplies by two powers of two, and one instruction of AVX-512 does it.
    /// The bits are the same, because the first of the two products is exact, so both ways round once.
    private void scale(Vector to, Vector p, Vector n) {
        switch (to) {
            case Zmm zmm -> asm.vscalefps(zmm, POSITIVE, (Zmm) p, (Zmm) n);
            case Ymm ymm -> {
                asm.vmulps(ymm, p, HALF_POWER);
                asm.vmulps(ymm, ymm, OTHER_POWER);
                asm.vpandd(ymm, ymm, IS_POSITIVE);
            }
        }
    }
}
