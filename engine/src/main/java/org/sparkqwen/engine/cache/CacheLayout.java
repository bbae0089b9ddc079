package org.sparkqwen.engine.cache;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The layout of a [Block] of the cache: it holds the keys and values of `tokens` consecutive positions, in all layers
/// or in one, as `[layers][tokens / 32]` of a [KeyValueBlock].
///
/// @param layers number of layers whose keys and values are kept
/// @param tokens positions of a block, a multiple of 32
public record CacheLayout(AttentionShape shape, KeyValueFormat format, int layers, int tokens) {
    public CacheLayout {
        if (tokens < 1 || tokens % KeyValueBlock.TOKENS != 0) {
            throw new IllegalArgumentException(
                    "a block must have a multiple of %d tokens, not %d".formatted(KeyValueBlock.TOKENS, tokens));
        }
    }

    /// The bytes of a block.
    public long bytes() {
        return layers * (long) partsOfLayer() * partBytes();
    }

    /// The number of blocks that hold `positions`.
    public int blocks(int positions) {
        return Math.ceilDiv(positions, tokens);
    }

    /// The bytes of a block before those of a layer.
    long offset(int layer) {
        return (long) layer * partsOfLayer() * partBytes();
    }

    /// A block's memory by layers.
    List<List<MemorySegment>> parts(MemorySegment memory) {
        List<List<MemorySegment>> parts = new ArrayList<>();
        long at = 0;
        for (int layer = 0; layer < layers; layer++) {
            List<MemorySegment> ofLayer = new ArrayList<>();
            for (int i = 0; i < partsOfLayer(); i++) {
                ofLayer.add(memory.asSlice(at, partBytes()));
                at += partBytes();
            }
            parts.add(ofLayer);
        }
        return parts;
    }

    private int partsOfLayer() {
        return tokens / KeyValueBlock.TOKENS;
    }

    private long partBytes() {
        return KeyValueBlock.bytes(shape, format);
    }
}
