package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.IntegerLayout;
import org.sparkqwen.engine.kernels.Matrix;

/// Writes the instructions that widen the integers of a panel to float32, as [IntegerLayout] describes. They keep the
/// group's scales and the words at hand in registers 16 to 23, and a constant in register 31, which a function that
/// uses this leaves alone.
final class IntegerCode {
    private static final Zmm LEFT_SCALE = new Zmm(16);
    private static final Zmm RIGHT_SCALE = new Zmm(17);
    private static final Zmm LEFT_OFFSET = new Zmm(18);
    private static final Zmm RIGHT_OFFSET = new Zmm(19);
    private static final Zmm MASK = new Zmm(20);
    private static final Zmm BASE = new Zmm(21);
    private static final Zmm LEFT_WORDS = new Zmm(22);
    private static final Zmm RIGHT_WORDS = new Zmm(23);
    private static final Zmm MINUS_BASE = new Zmm(31);

    /// The truth table of `(a & b) ^ c` for [Assembler#vpternlogd].
    private static final int AND_XOR = 0x6a;

    private static final MemorySegment INT8 = constantsOf(IntegerLayout.INT8);
    private static final MemorySegment INT4 = constantsOf(IntegerLayout.INT4);

    private final Assembler asm;
    private final IntegerLayout layout;

    private IntegerCode(Assembler asm, IntegerLayout layout) {
        this.asm = asm;
        this.layout = layout;
    }

    private static MemorySegment constantsOf(IntegerLayout layout) {
        int base = Float.floatToRawIntBits(layout.base());
        return Arena.global().allocateFrom(JAVA_INT, layout.mask(), base, Float.floatToRawIntBits(-layout.base()));
    }

    /// The address of a layout's constants, which a function gets with its operands.
    static long constants(IntegerLayout layout) {
        return switch (layout) {
            case INT8 -> INT8.address();
            case INT4 -> INT4.address();
        };
    }

    /// Loads the constants.
    ///
    /// @param from has their address
    static IntegerCode withConstants(Assembler asm, IntegerLayout layout, Gpr from) {
        asm.vbroadcastss(MASK, Address.at(from, 0));
        asm.vbroadcastss(BASE, Address.at(from, Integer.BYTES));
        asm.vbroadcastss(MINUS_BASE, Address.at(from, 2 * Integer.BYTES));
        return new IntegerCode(asm, layout);
    }

    /// Loads the scales of a group, and passes its header.
    ///
    /// @param panel has the address of the group, and then of its first row of words
    void scales(Gpr panel) {
        switch (layout) {
            case INT8 -> {
                asm.vmovups(LEFT_SCALE, Address.at(panel, 0));
                asm.vmovups(RIGHT_SCALE, Address.at(panel, Zmm.BYTES));
            }
            case INT4 -> {
                asm.vcvtph2ps(LEFT_SCALE, Address.at(panel, 0));
                asm.vcvtph2ps(RIGHT_SCALE, Address.at(panel, Matrix.PANEL / 2 * Short.BYTES));
            }
        }
        asm.vmulps(LEFT_OFFSET, LEFT_SCALE, MINUS_BASE);
        asm.vmulps(RIGHT_OFFSET, RIGHT_SCALE, MINUS_BASE);
        asm.add(panel, layout.headerBytes());
    }

    /// Widens the integers of an input; an input that is the first of its words loads them.
    ///
    /// @param panel has the address of the first row of words
    /// @param input from the first input of that row on
    void widen(Zmm left, Zmm right, Gpr panel, int input) {
        if (input % layout.wordInputs() == 0) {
            int row = input / layout.wordInputs() * IntegerLayout.ROW_BYTES;
            asm.vmovups(LEFT_WORDS, Address.at(panel, row));
            asm.vmovups(RIGHT_WORDS, Address.at(panel, row + Zmm.BYTES));
        }
        widen(left, LEFT_WORDS, LEFT_SCALE, LEFT_OFFSET, input);
        widen(right, RIGHT_WORDS, RIGHT_SCALE, RIGHT_OFFSET, input);
    }

    private void widen(Zmm to, Zmm words, Zmm scale, Zmm offset, int input) {
        asm.vprold(to, words, layout.rotation(input));
        asm.vpternlogd(to, MASK, BASE, AND_XOR);
        asm.vfmadd213ps(to, scale, offset);
    }
}
