package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.MemorySegment;

/// Packed tensors in native memory, wherever that comes from. Owns it: no segment may be used after [#close].
public sealed interface PackedTensors extends AutoCloseable permits PackedFile, PackedMemory, StreamedFile {
    PackedLayout layout();

    /// A tensor's numbers, not yet checked; read-only or not to be written.
    MemorySegment data(PackedTensor tensor);

    /// Checks that a tensor's numbers are what was written. Reads all of them.
    ///
    /// @throws InvalidModelException if they are damaged
    void check(PackedTensor tensor);

    @Override
    void close();
}
