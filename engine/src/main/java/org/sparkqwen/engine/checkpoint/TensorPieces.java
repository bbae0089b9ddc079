package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.MemorySegment;

/// Where the numbers of packed tensors come from.
public interface TensorPieces {
    /// Fills `out` with a piece of `tensor`, whatever was in it. Several threads call it at once.
    ///
    /// @param piece from 0 to `tensor.pieces() - 1`
    /// @param out exactly the piece's bytes
    void fill(PackedTensor tensor, int piece, MemorySegment out);
}
