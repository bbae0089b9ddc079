package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;

import org.sparkqwen.engine.kernels.IntegerLayout;
import org.sparkqwen.engine.kernels.Matrix;

/// Writes the function that widens groups of a panel of integers to float32, so that a tile of many rows has no such
/// work in its loop. Integers past the last input are 0 and become 0, too.
final class WidenIntegersCode {
    private static final int WIDE_ROW = Matrix.PANEL * Float.BYTES;

    /// The operands.
    enum Field {
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

    static byte[] code(IntegerLayout layout) {
        int groupRows = layout.groupInputs() / layout.wordInputs();
        Zmm left = new Zmm(0);
        Zmm right = new Zmm(1);
        Label group = new Label();
        Label enough = new Label();
        Label row = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.mov(R8, Arguments.of(RDI, Field.CONSTANTS));
        IntegerCode integers = IntegerCode.withConstants(asm, layout, R8);
        asm.bind(group);
        integers.scales(RAX);
        asm.mov(R8, groupRows);
        asm.cmp(RCX, R8);
        asm.jump(Condition.NOT_BELOW, enough);
        asm.mov(R8, RCX);
        asm.bind(enough);
        asm.sub(RCX, R8);
        asm.bind(row);
        for (int input = 0; input < layout.wordInputs(); input++) {
            integers.widen(left, right, RAX, input);
            asm.vmovups(Address.at(RDX, input * WIDE_ROW), left);
            asm.vmovups(Address.at(RDX, input * WIDE_ROW + Zmm.BYTES), right);
        }
        asm.add(RAX, IntegerLayout.ROW_BYTES);
        asm.add(RDX, layout.wordInputs() * WIDE_ROW);
        asm.sub(R8, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.cmp(RCX, 0);
        asm.jump(Condition.NOT_EQUAL, group);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
