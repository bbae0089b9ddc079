package org.sparkqwen.engine.cache;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.KeyValueBlock;

/// A block of the KV cache: memory of a [CacheLayout], and its users.
final class Block {
    private final Buffers buffers;
    private final CacheLayout layout;
    private final MemorySegment memory;
    private final List<List<MemorySegment>> parts;

    /// The number of sequences that read or write the block.
    int users;

    /// The part of a prompt that the block holds, if other sequences may find it.
    @Nullable
    Prefix prefix;

    /// @param buffers the buffers of which the memory of the block is one
    Block(Buffers buffers, CacheLayout layout) {
        this.buffers = buffers;
        this.layout = layout;
        memory = buffers.allocate(layout.bytes());
        parts = layout.parts(memory);
    }

    /// The memory of a layer's keys and values, in the order of positions.
    List<MemorySegment> parts(int layer) {
        return parts.get(layer);
    }

    /// Copies the first `tokens` positions of another block.
    void copy(Block from, int tokens) {
        buffers.copy(from.memory, memory);
        clearValues(tokens);
    }

    /// Sets the values of all positions from `first` on to zero, as attention needs them before they are written.
    void clearValues(int first) {
        for (List<MemorySegment> ofLayer : parts) {
            for (int i = 0; i < ofLayer.size(); i++) {
                int slot = Math.clamp(first - (long) i * KeyValueBlock.TOKENS, 0, KeyValueBlock.TOKENS);
                KeyValueBlock.clearValues(buffers, layout.shape(), layout.format(), ofLayer.get(i), slot);
            }
        }
    }
}
