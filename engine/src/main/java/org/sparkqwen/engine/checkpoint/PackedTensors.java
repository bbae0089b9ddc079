package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.MemorySegment;

/// Packed tensors in native memory, whatever its source. This owns the memory: no segment may be used after [#close].
public sealed interface PackedTensors extends AutoCloseable permits PackedFile, PackedMemory, StreamedFile {
    PackedLayout layout();

    /// The numbers of a tensor, not yet checked. The segment is read-only or must not be written to.
    MemorySegment data(PackedTensor tensor);

    /// Checks that a tensor's numbers are those that were written, and reads all of them for that.
    ///
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if they are damaged
    void check(PackedTensor tensor);

    @Override
    void close();
}
