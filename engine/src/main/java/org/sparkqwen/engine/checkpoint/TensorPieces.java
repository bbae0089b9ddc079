package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.MemorySegment;

/// The source of the numbers of packed tensors.
public interface TensorPieces {
    /// Fills `out` with a piece of `tensor`, whatever it held before. Several threads call this at once.
    ///
    /// @param piece from 0 to `tensor.pieces() - 1`
    /// @param out exactly the piece's bytes
    void fill(PackedTensor tensor, int piece, MemorySegment out);
}
