package org.sparkqwen.engine.gguf;

import java.lang.foreign.MemorySegment;

/// A scheme that stores numbers in blocks, each with scales of its own. A row of a tensor is a whole number of blocks.
///
/// Each family of schemes is one file, and nothing outside it knows how a block is laid out.
public sealed interface BlockFormat permits ScaledBlocks, SuperBlocks {
    /// The count of numbers in a block.
    int numbers();

    /// The size of a block in bytes.
    int bytes();

    /// Decodes a block to float32, in the order of arithmetic that the format's description has.
    ///
    /// @param at the first byte of the block in `data`
    /// @param out receives [#numbers] numbers from index `to` on
    void decode(MemorySegment data, long at, float[] out, int to);
}
