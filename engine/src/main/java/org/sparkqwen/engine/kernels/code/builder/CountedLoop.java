package org.sparkqwen.engine.kernels.code.builder;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;

/// Writes a loop that counts its turns down to 0.
final class CountedLoop {
    private CountedLoop() {}

    /// @param count a register that is overwritten, and that a turn leaves alone
    /// @param turns where the number of turns is, which may be 0
    /// @param turn writes a turn
    static void write(Assembler asm, Gpr count, Address turns, Runnable turn) {
        Label next = new Label();
        Label none = new Label();
        asm.mov(count, turns);
        asm.cmp(count, 0);
        asm.jump(Condition.EQUAL, none);
        asm.bind(next);
        turn.run();
        asm.sub(count, 1);
        asm.jump(Condition.NOT_EQUAL, next);
        asm.bind(none);
    }
}
