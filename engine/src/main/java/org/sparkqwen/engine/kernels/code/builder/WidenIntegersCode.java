package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;

import java.util.function.IntConsumer;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the function that widens groups of a panel of integers to float32, so that a tile of many rows has no such
/// work in its loop. Integers past the last input are 0 and become 0, too.
public final class WidenIntegersCode {
    private static final int WIDE_ROW = Matrix.PANEL * Float.BYTES;

    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
        /// The address of the first group.
        FROM,
        /// `[inputs][32]`, written, with as many inputs as the rows of words have.
        TO,
        /// The number of rows of words, at least 1, of which the last group may have fewer.
        ROWS,
        /// The constants of [IntegerCode].
        CONSTANTS
    }

    private WidenIntegersCode() {}

    static byte[] code(InstructionSet set, IntegerLayout layout) {
        return switch (set) {
            case AVX_512 -> avx512(layout);
            case AVX2 -> avx2(layout);
        };
    }

    private static byte[] avx512(IntegerLayout layout) {
        Zmm left = new Zmm(0);
        Zmm right = new Zmm(1);
        Assembler asm = new Assembler();
        asm.mov(R8, Arguments.of(RDI, Field.CONSTANTS));
        IntegerCode integers = IntegerCode.withConstants(asm, layout, R8);
        groups(asm, layout, () -> integers.scales(RAX), input -> {
            integers.widen(left, right, RAX, input);
            asm.vmovups(Address.at(RDX, input * WIDE_ROW), left);
            asm.vmovups(Address.at(RDX, input * WIDE_ROW + Zmm.BYTES), right);
        });
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    private static byte[] avx2(IntegerLayout layout) {
        Ymm numbers = new Ymm(0);
        Assembler asm = new Assembler();
        Avx2IntegerCode integers = new Avx2IntegerCode(asm, layout);
        integers.enter(Arguments.of(RDI, Field.CONSTANTS), R8);
        groups(asm, layout, () -> integers.scales(RAX), input -> {
            for (int part = 0; part < Avx2IntegerCode.PARTS; part++) {
                integers.widen(numbers, part, RAX, input);
                asm.vmovups(Address.at(RDX, input * WIDE_ROW + part * Ymm.BYTES), numbers);
            }
        });
        integers.leave();
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    /// Writes the loops over groups and their rows of words.
    ///
    /// @param scales writes what begins a group, whose address is in RAX
    /// @param widen writes what widens an input of a row of words
    private static void groups(Assembler asm, IntegerLayout layout, Runnable scales, IntConsumer widen) {
        int groupRows = layout.groupInputs() / layout.wordInputs();
        Label group = new Label();
        Label enough = new Label();
        Label row = new Label();
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.bind(group);
        scales.run();
        asm.mov(R8, groupRows);
        asm.cmp(RCX, R8);
        asm.jump(Condition.NOT_BELOW, enough);
        asm.mov(R8, RCX);
        asm.bind(enough);
        asm.sub(RCX, R8);
        asm.bind(row);
        for (int input = 0; input < layout.wordInputs(); input++) {
            widen.accept(input);
        }
        asm.add(RAX, IntegerLayout.ROW_BYTES);
        asm.add(RDX, layout.wordInputs() * WIDE_ROW);
        asm.sub(R8, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.cmp(RCX, 0);
        asm.jump(Condition.NOT_EQUAL, group);
    }
}
