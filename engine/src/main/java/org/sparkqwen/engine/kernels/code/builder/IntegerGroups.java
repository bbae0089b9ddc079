package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R15;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;

/// Writes the loops of a tile over the groups of a panel of integers, and over the inputs of a group. The operands are
/// those of [TileField]. What a set of instructions does with an input is left to [Steps].
final class IntegerGroups {
    private static final Gpr OPERANDS = RDI;
    private static final Gpr IN = RSI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr TURNS = R8;
    private static final Gpr GROUPS = R15;

    private IntegerGroups() {}

    /// What is done while the rows' numbers are at RSI and the integers at RDX. RCX, R8 and R15 are taken.
    interface Steps {
        /// Reads the scales of a group, and passes its header.
        void scales();

        /// Multiplies with an input of a turn.
        void input(int input);

        /// Requests as many bytes of the next panel as were read of this one.
        void requestNextPanel(int bytes);
    }

    /// @param kind one of integers
    static void write(Assembler asm, TileKind kind, IntegerLayout layout, Steps steps) {
        groups(asm, kind, layout, steps);
        rest(asm, kind, steps);
    }

    /// Writes a loop over groups of integers, and in it one over the turns of a group. The last group may have
    /// fewer turns, or none and only a rest.
    private static void groups(Assembler asm, TileKind kind, IntegerLayout layout, Steps steps) {
        Label group = new Label();
        Label enough = new Label();
        Label turn = new Label();
        Label none = new Label();
        int bytes = kind.turnInputs() / layout.wordInputs() * IntegerLayout.ROW_BYTES;
        asm.mov(GROUPS, Arguments.of(OPERANDS, TileField.GROUPS));
        asm.mov(TURNS, Arguments.of(OPERANDS, TileField.TURNS));
        asm.bind(group);
        steps.scales();
        steps.requestNextPanel(TileKind.STREAMS * Zmm.BYTES); // the header's lines
        asm.mov(COUNT, layout.groupInputs() / kind.turnInputs());
        asm.cmp(TURNS, COUNT);
        asm.jump(Condition.NOT_BELOW, enough);
        asm.mov(COUNT, TURNS);
        asm.bind(enough);
        asm.sub(TURNS, COUNT);
        asm.cmp(COUNT, 0);
        asm.jump(Condition.EQUAL, none);
        asm.bind(turn);
        for (int input = 0; input < kind.turnInputs(); input++) {
            steps.input(input);
        }
        steps.requestNextPanel(bytes);
        asm.add(IN, kind.turnInputs() * Float.BYTES);
        asm.add(PANEL, bytes);
        asm.sub(COUNT, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.bind(none);
        asm.sub(GROUPS, 1);
        asm.jump(Condition.NOT_EQUAL, group);
    }

    /// Writes the inputs of a turn once more, each of them skipped if there are no more.
    private static void rest(Assembler asm, TileKind kind, Steps steps) {
        Label done = new Label();
        asm.mov(COUNT, Arguments.of(OPERANDS, TileField.REST));
        for (int input = 0; input < kind.turnInputs() - 1; input++) {
            asm.cmp(COUNT, input);
            asm.jump(Condition.EQUAL, done);
            steps.input(input);
        }
        asm.bind(done);
    }
}
