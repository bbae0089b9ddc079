package org.sparkqwen.engine.cache;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.DeviceException;

/// A pool of blocks of one layout. It allocates memory when it is first needed and returns none
/// before [#close], so a run settles at the most that it needed at once. Safe for several threads.
public final class BlockPool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BlockPool.class);

    private final CacheLayout layout;
    private final Buffers buffers;

    @GuardedBy("this")
    private final Deque<Block> free = new ArrayDeque<>();

    @GuardedBy("this")
    private int capacity;

    @GuardedBy("this")
    private int allocated;

    /// @param bytes the most that all blocks together may take; at least the size of one block
    /// @param buffers where the blocks are allocated; closed with this
    public BlockPool(CacheLayout layout, long bytes, Buffers buffers) {
        this.layout = layout;
        this.buffers = buffers;
        capacity = Math.clamp(bytes / layout.bytes(), 1, Integer.MAX_VALUE);
    }

    public CacheLayout layout() {
        return layout;
    }

    /// The most blocks that there can be.
    public synchronized int capacity() {
        return capacity;
    }

    /// The number of blocks in use.
    public synchronized int inUse() {
        return allocated - free.size();
    }

    /// Takes a block whose values are zeros; null if all are in use.
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

    /// Allocates a block. If the system has less memory than the pool was promised, the pool goes on with the
    /// blocks that it has.
    @GuardedBy("this")
    private @Nullable Block allocate() {
        try {
            Block block = new Block(buffers, layout);
            allocated++;
            return block;
        } catch (OutOfMemoryError | DeviceException e) {
            if (allocated == 0 || !isOutOfMemory(e)) {
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

    private static boolean isOutOfMemory(Throwable failure) {
        return !(failure instanceof DeviceException device) || device.reason() == DeviceException.Reason.OUT_OF_MEMORY;
    }

    synchronized void giveBack(Block block) {
        free.push(block);
    }

    @Override
    public synchronized void close() {
        allocated -= free.size();
        free.clear();
        buffers.close();
    }
}
