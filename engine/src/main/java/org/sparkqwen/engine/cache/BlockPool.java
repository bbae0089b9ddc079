package org.sparkqwen.engine.cache;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Off-heap blocks of one layout, handed out and taken back. Memory is taken from the system when it is first needed
/// and not returned before [#close], so that a run settles at the most it needed at once. Safe for several threads.
public final class BlockPool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BlockPool.class);
    private static final int ALIGNMENT = 64;

    private final CacheLayout layout;
    private final Arena arena = Arena.ofShared();
    private final Deque<Block> free = new ArrayDeque<>();
    private int capacity;
    private int allocated;

    /// @param bytes that all blocks together may take; room for one block at least
    public BlockPool(CacheLayout layout, long bytes) {
        this.layout = layout;
        capacity = Math.clamp(bytes / layout.bytes(), 1, Integer.MAX_VALUE);
    }

    public CacheLayout layout() {
        return layout;
    }

    /// Blocks that there can be.
    public synchronized int capacity() {
        return capacity;
    }

    /// Blocks that are handed out.
    public synchronized int inUse() {
        return allocated - free.size();
    }

    /// A block whose values are zeros; null if all are in use.
    ///
    /// @throws OutOfMemoryError if the system has no memory for a single block
    synchronized @Nullable Block take() {
        Block block = free.poll();
        if (block != null) {
            block.clearValues(0);
            return block;
        }
        return allocated < capacity ? allocate() : null;
    }

    /// The system may have less memory than the pool was promised: then what there is must do.
    private @Nullable Block allocate() {
        try {
            Block block = new Block(layout, arena.allocate(layout.bytes(), ALIGNMENT));
            allocated++;
            return block;
        } catch (OutOfMemoryError e) {
            if (allocated == 0) {
                throw e;
            }
            LOG.warn(
                    "the key/value cache stays at {} MiB instead of {} MiB: {}. Give it less memory",
                    (allocated * layout.bytes()) >> 20,
                    (capacity * layout.bytes()) >> 20,
                    e.getMessage());
            capacity = allocated;
            return null;
        }
    }

    synchronized void giveBack(Block block) {
        free.push(block);
    }

    @Override
    public synchronized void close() {
        allocated -= free.size();
        free.clear();
        arena.close();
    }
}
