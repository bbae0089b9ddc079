package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// Memory of one back-end for activations, the KV cache and weights, which is freed together.
///
/// A buffer is a [MemorySegment] with an address and a size, and each slice of it is one, too. It is a handle: a
/// back-end may have its own memory, such as a GPU's, which the host can neither read nor write. Code outside the
/// back-end therefore passes buffers to operations of [Kernels], and moves numbers with the methods here. On a back-end
/// that computes on the processor, [HostBuffers], they cost no copy.
///
/// All methods may be called from any thread, also while an operation runs that does not use the same buffer.
public interface Buffers extends AutoCloseable {
    /// Allocates a buffer that is filled with zeros, and aligned for the back-end.
    ///
    /// @throws OutOfMemoryError if there is no memory for it
    MemorySegment allocate(long bytes);

    /// Allocates a buffer for float32 numbers, filled with zeros.
    default MemorySegment allocateFloats(long count) {
        return allocate(Math.multiplyExact(count, Float.BYTES));
    }

    /// Makes numbers in the host's native memory, such as a mapped file's, an operand that operations only read:
    /// the same memory, or a copy of it. The host's memory must stay until this is closed.
    MemorySegment adopt(MemorySegment host);

    /// Makes operations see what the host has written to its memory since it was adopted.
    ///
    /// @param adopted a result of [#adopt]
    void refresh(MemorySegment adopted);

    /// Writes float32 numbers to a buffer, from its start.
    void write(float[] numbers, int count, MemorySegment to);

    /// Copies a buffer to another of the same size.
    void copy(MemorySegment from, MemorySegment to);

    /// Fills a buffer with zeros.
    void clear(MemorySegment buffer);

    /// Whether blocks of the KV cache must be filled with zeros where nothing was written, because attention reads
    /// there and multiplies by 0.
    default boolean needsZeros() {
        return true;
    }

    /// Hands numbers over to the host: native memory that holds what the buffer holds now. It is valid until the
    /// buffer is written to, freed, or handed over again.
    MemorySegment onHost(MemorySegment buffer);

    /// Frees all buffers of this.
    @Override
    void close();
}
