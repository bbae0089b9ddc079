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
    private int allocated;

    public BlockPool(long blockBytes) {
        this.blockBytes = blockBytes;
    }

    /// A block whose floats are all finite: zeros, or what a sequence before left in it.
    synchronized MemorySegment take() {
        MemorySegment block = free.poll();
        if (block == null) {
            block = arena.allocate(blockBytes, ALIGNMENT);
            allocated++;
        }
        return block;
    }

    synchronized void giveBack(MemorySegment block) {
        free.push(block);
    }

    /// Blocks that sequences hold now.
    public synchronized int inUse() {
        return allocated - free.size();
    }

    @Override
    public synchronized void close() {
        free.clear();
        arena.close();
    }
}
