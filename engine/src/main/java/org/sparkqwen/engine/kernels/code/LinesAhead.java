package org.sparkqwen.engine.kernels.code;

/// Writes a loop that requests cache lines of what is needed next, into the second-level cache.
final class LinesAhead {
    private LinesAhead() {}

    /// @param line has the address of the next line, and is advanced
    /// @param count a register that is overwritten
    /// @param lines where the number of lines is, which may be 0
    static void request(Assembler asm, Gpr line, Gpr count, Address lines) {
        Label next = new Label();
        Label none = new Label();
        asm.mov(count, lines);
        asm.cmp(count, 0);
        asm.jump(Condition.EQUAL, none);
        asm.bind(next);
        asm.prefetcht1(Address.at(line, 0));
        asm.add(line, Zmm.BYTES);
        asm.sub(count, 1);
        asm.jump(Condition.NOT_EQUAL, next);
        asm.bind(none);
    }
}
