package org.sparkqwen.engine.kernels.code.builder;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the function that brings a group of 4-bit integers into the layout of 8-bit ones. Each integer becomes a byte
/// that is 16 times as great, because its bits then are the upper half of the byte, and each scale is divided by 16.
/// Products are the same, as both factors are powers of two.
public final class HalfByteCode {
    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
        /// A group in the layout of `Int4Panels`.
        FROM,
        /// A group in the layout of `Int8Panels`, with the same inputs, written.
        TO,
        /// The number of rows of words, at least 1.
        ROWS,
        /// [HalfByteCode#constants].
        CONSTANTS
    }

    private static final int HALF_BITS = 4;

    private static final MemorySegment CONSTANTS =
            Arena.global().allocateFrom(JAVA_INT, Float.floatToRawIntBits(1 / 16f), 0x01010101, 0xf0f0f0f0);

    private HalfByteCode() {}

    /// The address of the function's constants: 1/16 in float32, four bytes of 1, and four of 0xf0.
    public static long constants() {
        return CONSTANTS.address();
    }

    static byte[] code() {
        Zmm left = new Zmm(0);
        Zmm right = new Zmm(1);
        Zmm upper = new Zmm(2);
        Zmm leftSum = new Zmm(3);
        Zmm rightSum = new Zmm(4);
        Zmm sixteenth = new Zmm(5);
        Zmm ones = new Zmm(6);
        Zmm upperHalves = new Zmm(7);
        Label row = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.CONSTANTS));
        loadConstants(asm, RAX, sixteenth, ones, upperHalves);
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        for (int half = 0; half < 2; half++) {
            asm.vcvtph2ps(left, Address.at(RAX, half * Zmm.BYTES / 2));
            asm.vmulps(left, left, sixteenth);
            asm.vmovups(Address.at(RDX, half * Zmm.BYTES), left);
        }
        asm.vpxord(leftSum, leftSum, leftSum);
        asm.vpxord(rightSum, rightSum, rightSum);
        asm.add(RAX, Matrix.PANEL * Short.BYTES);
        asm.add(RDX, 2 * ByteTileCode.HEADER_ROW);
        asm.bind(row);
        asm.vmovups(left, Address.at(RAX, 0));
        asm.vmovups(right, Address.at(RAX, Zmm.BYTES));
        shiftedHalves(asm, left, upper, upperHalves, ones, leftSum, 0);
        shiftedHalves(asm, right, upper, upperHalves, ones, rightSum, Zmm.BYTES);
        asm.add(RAX, IntegerLayout.ROW_BYTES);
        asm.add(RDX, 2 * ByteTileCode.FOUR_ROW);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.vmovups(Address.at(RDX, ByteTileCode.HEADER_ROW), leftSum);
        asm.vmovups(Address.at(RDX, ByteTileCode.HEADER_ROW + Zmm.BYTES), rightSum);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    /// @param from has the address of the constants
    static void loadConstants(Assembler asm, Gpr from, Zmm sixteenth, Zmm ones, Zmm upperHalves) {
        asm.vbroadcastss(sixteenth, Address.at(from, 0));
        asm.vbroadcastss(ones, Address.at(from, Integer.BYTES));
        asm.vbroadcastss(upperHalves, Address.at(from, 2 * Integer.BYTES));
    }

    /// Splits words of integers of 4 bits into words of bytes that are 16 times as great.
    ///
    /// @param words are overwritten with the first four integers of each word
    /// @param upper gets the other four
    static void split(Assembler asm, Zmm words, Zmm upper, Zmm upperHalves) {
        asm.vpandd(upper, words, upperHalves);
        asm.vpslld(words, words, HALF_BITS);
        asm.vpandd(words, words, upperHalves);
    }

    private static void shiftedHalves(
            Assembler asm, Zmm words, Zmm upper, Zmm upperHalves, Zmm ones, Zmm sum, int offset) {
        split(asm, words, upper, upperHalves);
        asm.vpdpbusd(sum, ones, words);
        asm.vpdpbusd(sum, ones, upper);
        asm.vmovups(Address.at(RDX, offset), words);
        asm.vmovups(Address.at(RDX, ByteTileCode.FOUR_ROW + offset), upper);
    }
}
