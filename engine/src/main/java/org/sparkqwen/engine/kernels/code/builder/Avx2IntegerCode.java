package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSP;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the instructions of AVX2 that widen the integers of a panel to float32, as [IntegerLayout] describes. The
/// group's scales and offsets are on the stack, and constants and one scale at a time in registers 8 to 11, which a
/// function that uses this leaves alone.
final class Avx2IntegerCode {
    /// The number of vectors of 32 outputs.
    static final int PARTS = Matrix.PANEL / Ymm.FLOATS;

    private static final Ymm SCALE = new Ymm(8);
    private static final Ymm MASK = new Ymm(9);
    private static final Ymm BASE = new Ymm(10);
    private static final Ymm MINUS_BASE = new Ymm(11);

    private static final int OFFSETS = Matrix.PANEL * Float.BYTES; // after the scales
    private static final int STACK_BYTES = 2 * OFFSETS;

    private final Assembler asm;
    private final IntegerLayout layout;

    Avx2IntegerCode(Assembler asm, IntegerLayout layout) {
        this.asm = asm;
        this.layout = layout;
    }

    /// Loads the constants of [IntegerCode], and takes room on the stack.
    ///
    /// @param address where their address is
    /// @param register overwritten
    void enter(Address address, Gpr register) {
        asm.mov(register, address);
        asm.vbroadcastss(MASK, Address.at(register, 0));
        asm.vbroadcastss(BASE, Address.at(register, Integer.BYTES));
        asm.vbroadcastss(MINUS_BASE, Address.at(register, 2 * Integer.BYTES));
        asm.sub(RSP, STACK_BYTES);
    }

    /// Gives back the room on the stack.
    void leave() {
        asm.add(RSP, STACK_BYTES);
    }

    /// Reads the scales of a group, and passes its header.
    ///
    /// @param panel has the address of the group, and then of its first row of words
    void scales(Gpr panel) {
        for (int part = 0; part < PARTS; part++) {
            switch (layout) {
                case INT8 -> asm.vmovups(SCALE, Address.at(panel, part * Ymm.BYTES));
                case INT4 -> asm.vcvtph2ps(SCALE, Address.at(panel, part * Ymm.FLOATS * Short.BYTES));
            }
            asm.vmovups(Address.at(RSP, part * Ymm.BYTES), SCALE);
            asm.vmulps(SCALE, SCALE, MINUS_BASE);
            asm.vmovups(Address.at(RSP, OFFSETS + part * Ymm.BYTES), SCALE);
        }
        asm.add(panel, layout.headerBytes());
    }

    /// Widens the integers of an input and eight outputs. The mask drops what a rotation would bring around, so a
    /// shift does.
    ///
    /// @param panel has the address of the first row of words
    /// @param input from the first input of that row on
    void widen(Ymm to, int part, Gpr panel, int input) {
        int row = input / layout.wordInputs() * IntegerLayout.ROW_BYTES;
        int left = layout.rotation(input);
        int right = Integer.SIZE - left;
        asm.vmovups(to, Address.at(panel, row + part * Ymm.BYTES));
        if (layout.shift(input) + left < Integer.SIZE) {
            asm.vpslld(to, to, left);
        } else {
            asm.vpsrld(to, to, right);
        }
        asm.vpandd(to, to, MASK);
        asm.vpxord(to, to, BASE);
        asm.vmovups(SCALE, Address.at(RSP, part * Ymm.BYTES));
        asm.vfmadd213ps(to, SCALE, Address.at(RSP, OFFSETS + part * Ymm.BYTES));
    }
}
