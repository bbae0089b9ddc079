package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.ScalarMath;

/// Writes eˣ for a register of numbers: the steps of [ScalarMath#exp] in the same order, so the same bits. The
/// constants stay in registers 16 to 30, which a function that uses this leaves alone.
@SuppressWarnings("EnumOrdinal") // a constant's register follows from its place in the enum
final class ExpCode {
    /// The first register of the constants.
    private static final int FIRST = 16;

    /// The mask of numbers whose eˣ is not 0. Functions that use this leave it alone.
    private static final Mask POSITIVE = new Mask(1);

    /// The constants, in the order of their registers.
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
        MINUS_INFINITY(Float.NEGATIVE_INFINITY);

        private final int bits;

        Constant(float value) {
            bits = Float.floatToRawIntBits(value);
        }

        Zmm register() {
            return new Zmm(FIRST + ordinal());
        }
    }

    private static final MemorySegment CONSTANTS = Arena.global()
            .allocateFrom(
                    JAVA_INT,
                    IntStream.range(0, Constant.values().length)
                            .map(i -> Constant.values()[i].bits)
                            .toArray());

    private final Assembler asm;

    private ExpCode(Assembler asm) {
        this.asm = asm;
    }

    /// The address of the constants, which a function gets with its operands.
    static long constants() {
        return CONSTANTS.address();
    }

    /// Loads the constants.
    ///
    /// @param from has their address
    static ExpCode withConstants(Assembler asm, Gpr from) {
        for (Constant constant : Constant.values()) {
            asm.vbroadcastss(constant.register(), Address.at(from, constant.ordinal() * Float.BYTES));
        }
        return new ExpCode(asm);
    }

    /// The place of the constant 1.
    ///
    /// @param from has the address of the constants
    static Address addressOfOne(Gpr from) {
        return Address.at(from, Constant.ONE.ordinal() * Float.BYTES);
    }

    static Zmm one() {
        return Constant.ONE.register();
    }

    static Zmm sign() {
        return Constant.SIGN.register();
    }

    /// The least number whose eˣ is not known to be 0.
    static Zmm least() {
        return Constant.MIN.register();
    }

    static Zmm minusInfinity() {
        return Constant.MINUS_INFINITY.register();
    }

    /// Replaces `x` by eˣ.
    ///
    /// @param square overwritten, as `p` and `n` are
    void exp(Zmm x, Zmm square, Zmm p, Zmm n) {
        asm.vminps(x, Constant.MAX.register(), x);
        expOfNegative(x, square, p, n);
    }

    /// Replaces `x` by eˣ, for numbers that are at most 0 or NaN.
    ///
    /// [ScalarMath#exp] multiplies by two powers of two, and one instruction does it here. The bits are the same,
    /// because the first of the two products is exact, so both ways round once. Where the result is 0, a mask says
    /// so. Otherwise it would come from an underflow, which takes some hundred cycles, and attention has many
    /// scores of −∞.
    ///
    /// @param square overwritten, as `p` and `n` are
    void expOfNegative(Zmm x, Zmm square, Zmm p, Zmm n) {
        Zmm round = Constant.ROUND.register();
        asm.vcmpps(POSITIVE, x, Constant.MIN.register(), Assembler.NOT_LESS);
        asm.vmovups(n, x);
        asm.vfmadd213ps(n, Constant.LOG2_E.register(), round);
        asm.vsubps(n, n, round); // the nearest integer to x / ln 2
        asm.vfmadd231ps(x, n, Constant.MINUS_LN2_HIGH.register());
        asm.vfmadd231ps(x, n, Constant.MINUS_LN2_LOW.register());
        asm.vmovups(p, Constant.C5.register());
        asm.vfmadd213ps(p, x, Constant.C4.register());
        asm.vfmadd213ps(p, x, Constant.C3.register());
        asm.vfmadd213ps(p, x, Constant.C2.register());
        asm.vfmadd213ps(p, x, Constant.C1.register());
        asm.vfmadd213ps(p, x, Constant.C0.register());
        asm.vmulps(square, x, x);
        asm.vfmadd213ps(p, square, x);
        asm.vaddps(p, p, one());
        asm.vscalefps(x, POSITIVE, p, n);
    }
}
