package org.sparkqwen.engine.cache;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.KeyValueBlock;

/// The keys and values of one sequence, in blocks of 32 positions from a shared pool.
public final class KeyValueCache implements AutoCloseable {
    private final BlockPool pool;
    private final List<List<MemorySegment>> blocksByLayer = new ArrayList<>();

    /// @param layers how many layers' state is kept. A sequence that is computed in one pass needs that of one
    ///     layer only: every layer then uses the same blocks.
    public KeyValueCache(BlockPool pool, int layers) {
        this.pool = pool;
        for (int layer = 0; layer < layers; layer++) {
            blocksByLayer.add(new ArrayList<>());
        }
    }

    /// Makes room for positions 0 to `positions - 1`.
    public void reserve(int positions) {
        int needed = Math.ceilDiv(positions, KeyValueBlock.TOKENS);
        for (List<MemorySegment> blocks : blocksByLayer) {
            while (blocks.size() < needed) {
                blocks.add(pool.take());
            }
        }
    }

    /// The blocks of a layer, in the order of positions.
    public List<MemorySegment> blocks(int layer) {
        return blocksByLayer.get(layer % blocksByLayer.size());
    }

    /// Gives the blocks back to the pool.
    @Override
    public void close() {
        for (List<MemorySegment> blocks : blocksByLayer) {
            blocks.forEach(pool::giveBack);
            blocks.clear();
        }
    }
}
