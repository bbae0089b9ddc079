package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Buffers in native memory of the process, for back-ends that compute on the processor. Host and back-end read the
/// same memory, and such a back-end also takes operands that were allocated elsewhere.
public final class HostBuffers implements Buffers {
    /// The size of a cache line, which is also that of the widest vector.
    private static final int ALIGNMENT = 64;

    private final Arena arena = Arena.ofShared();

    @Override
    public MemorySegment allocate(long bytes) {
        return arena.allocate(bytes, ALIGNMENT);
    }

    @Override
    public MemorySegment adopt(MemorySegment host) {
        return host;
    }

    /// Does nothing, because an adopted operand is the host's memory.
    @Override
    public void refresh(MemorySegment adopted) {}

    @Override
    public void write(float[] numbers, int count, MemorySegment to) {
        MemorySegment.copy(numbers, 0, to, JAVA_FLOAT, 0, count);
    }

    @Override
    public void copy(MemorySegment from, MemorySegment to) {
        to.copyFrom(from);
    }

    @Override
    public void clear(MemorySegment buffer) {
        buffer.fill((byte) 0);
    }

    @Override
    public MemorySegment onHost(MemorySegment buffer) {
        return buffer;
    }

    @Override
    public void close() {
        arena.close();
    }
}
