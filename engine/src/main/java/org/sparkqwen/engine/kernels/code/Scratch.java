package org.sparkqwen.engine.kernels.code;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Working memory of one thread, which grows when an operation needs more. Its contents do not survive that.
final class Scratch implements AutoCloseable {
    private Arena arena = Arena.ofShared();
    private MemorySegment memory = MemorySegment.NULL;

    /// The address of at least `bytes` bytes, at the start of a cache line.
    long address(long bytes) {
        if (memory.byteSize() < bytes) {
            arena.close();
            arena = Arena.ofShared();
            memory = arena.allocate(bytes, Zmm.BYTES);
        }
        return memory.address();
    }

    @Override
    public void close() {
        arena.close();
    }
}
