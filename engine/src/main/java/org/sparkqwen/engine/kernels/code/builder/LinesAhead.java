package org.sparkqwen.engine.kernels.code.builder;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes requests of cache lines that are needed next, into the second-level cache.
final class LinesAhead {
    private LinesAhead() {}

    /// Writes a loop over lines that follow each other.
    ///
    /// @param line has the address of the next line, and is advanced
    /// @param count a register that is overwritten
    /// @param lines where the number of lines is, which may be 0
    static void request(Assembler asm, Gpr line, Gpr count, Address lines) {
        CountedLoop.write(asm, count, lines, () -> {
            asm.prefetcht1(Address.at(line, 0));
            asm.add(line, Zmm.BYTES);
        });
    }

    /// Requests as many lines of the next panel as `bytes` bytes have, in turns from [TileKind#STREAMS] places of
    /// it, because a processor prefetches four times as much of four streams.
    ///
    /// @param line has the address of the next line at the first place, and is advanced
    /// @param stride has the distance from a place to the next
    /// @param stride3 has three times that distance
    static void ofPanel(Assembler asm, Gpr line, Gpr stride, Gpr stride3, int bytes) {
        int step = bytes / TileKind.STREAMS;
        for (int offset = 0; offset < step; offset += Zmm.BYTES) {
            asm.prefetcht1(Address.at(line, offset));
            asm.prefetcht1(Address.at(line, stride, 1, offset));
            asm.prefetcht1(Address.at(line, stride, 2, offset));
            asm.prefetcht1(Address.at(line, stride3, 1, offset));
        }
        asm.add(line, step);
    }
}
