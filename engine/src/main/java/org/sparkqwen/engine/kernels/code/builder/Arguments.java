package org.sparkqwen.engine.kernels.code.builder;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.format.Memory;

/// The block of memory in which functions of machine code find their operands: 64-bit numbers in the order of an enum.
/// Each thread has its own.
@SuppressWarnings("EnumOrdinal") // an operand's place in memory is its place in the enum
public final class Arguments {
    private static final int MOST = 24;

    private final MemorySegment block = Arena.ofAuto().allocate(JAVA_LONG, MOST);
    private final long address = block.address();

    public Arguments set(Enum<?> field, long value) {
        Memory.ALL.set(JAVA_LONG, address + (long) field.ordinal() * Long.BYTES, value);
        return this;
    }

    public void call(MachineCode function) {
        try {
            function.call(address);
        } finally {
            Reference.reachabilityFence(this); // its memory is freed with it
        }
    }

    /// Where a function whose operands begin at `block` finds one of them.
    static Address of(Gpr block, Enum<?> field) {
        return Address.at(block, field.ordinal() * Long.BYTES);
    }
}
