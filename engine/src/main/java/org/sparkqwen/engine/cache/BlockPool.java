package org.sparkqwen.engine.cache;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;

/// Off-heap blocks of one size, handed out and taken back. Memory is never returned to the system before [#close], so
/// that a run settles at the most it needed at once. Safe for several threads.
public final class BlockPool implements AutoCloseable {
    private static final int ALIGNMENT = 64;

    private final long blockBytes;
    private final Arena arena = Arena.ofShared();
    private final Deque<MemorySegment> free = new ArrayDeque<>();
    private int inUse;

    public BlockPool(long blockBytes) {
        this.blockBytes = blockBytes;
    }

    /// A block of zeros. Attention multiplies the values of positions that a sequence has not reached with 0, so
    /// what another sequence left there must not be NaN or infinite.
    synchronized MemorySegment take() {
        MemorySegment block = free.poll();
        block = block == null ? arena.allocate(blockBytes, ALIGNMENT) : block.fill((byte) 0);
        inUse++;
        return block;
    }

    synchronized void giveBack(MemorySegment block) {
        free.push(block);
        inUse--;
    }

    /// Blocks that sequences hold now.
    public synchronized int inUse() {
        return inUse;
    }

    @Override
    public synchronized void close() {
        free.clear();
        arena.close();
    }
}
