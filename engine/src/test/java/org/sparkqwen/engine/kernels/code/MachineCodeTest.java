package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.TileKind;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.code.x86.Ymm;

/// Machine code runs, and its memory is never writable and executable at the same time.
class MachineCodeTest {
    @BeforeEach
    void needsThisProcessor() {
        assumeTrue(new CodeProvider().obstacle().isEmpty(), "no AVX2 on this machine");
    }

    @Test
    void aFunctionReadsItsOperandsAndWritesThroughThem() {
        Assembler asm = new Assembler();
        asm.mov(Gpr.RAX, Address.at(Gpr.RDI, 0)); // an address
        asm.vbroadcastss(new Ymm(15), Address.at(Gpr.RDI, Long.BYTES));
        asm.vmovups(Address.at(Gpr.RAX, 0), new Ymm(15));
        asm.vzeroupper();
        asm.ret();
        MachineCode function = MachineCode.of(asm.code());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment operands = arena.allocate(JAVA_LONG, 2);
            MemorySegment result = arena.allocate(Ymm.BYTES);
            operands.setAtIndex(JAVA_LONG, 0, result.address());
            operands.setAtIndex(JAVA_LONG, 1, 7);
            function.call(operands.address());
            assertThat(result.getAtIndex(JAVA_LONG, 0)).isEqualTo((7L << 32) + 7);
            assertThat(result.getAtIndex(JAVA_LONG, 3)).isEqualTo((7L << 32) + 7);
        }
    }

    /// The JVM's own code cache is both, so only the pages of this function are looked at.
    @Test
    void itsMemoryIsExecutableAndNotWritable() throws IOException {
        long address = Functions.of(InstructionSet.AVX2).tile(TileKind.MANY, 1).address();
        assertThat(Files.readAllLines(Path.of("/proc/self/maps")))
                .filteredOn(line -> contains(line, address))
                .singleElement()
                .satisfies(line -> assertThat(line.split(" ", -1)[1]).isEqualTo("r-xp"));
    }

    private static boolean contains(String line, long address) {
        String[] range = line.substring(0, line.indexOf(' ')).split("-", -1);
        return Long.parseUnsignedLong(range[0], 16) <= address && address < Long.parseUnsignedLong(range[1], 16);
    }
}
