package org.sparkqwen.engine.cache;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KeyValueBlock;

/// Memory of a [CacheLayout], and who uses it.
final class Block {
    private final CacheLayout layout;
    private final MemorySegment memory;
    private final List<List<MemorySegment>> parts;

    /// Sequences that read or write it.
    int users;

    /// What of a prompt it holds, where other sequences may find it.
    @Nullable
    Prefix prefix;

    Block(CacheLayout layout, MemorySegment memory) {
        this.layout = layout;
        this.memory = memory;
        parts = layout.parts(memory);
    }

    /// In the order of positions.
    List<MemorySegment> parts(int layer) {
        return parts.get(layer);
    }

    /// Takes over the first `tokens` positions of another block.
    void copy(Block from, int tokens) {
        memory.copyFrom(from.memory);
        clearValues(tokens);
    }

    /// Makes the values of all positions from `first` on zeros, as attention needs them before they are written.
    void clearValues(int first) {
        for (List<MemorySegment> ofLayer : parts) {
            for (int i = 0; i < ofLayer.size(); i++) {
                int slot = Math.clamp(first - (long) i * KeyValueBlock.TOKENS, 0, KeyValueBlock.TOKENS);
                KeyValueBlock.clearValues(layout.shape(), layout.format(), ofLayer.get(i), slot);
            }
        }
    }
}
