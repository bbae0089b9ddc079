package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The arguments of a kernel, one after the other, each aligned to its size, as C lays out parameters and the fields of
/// a structure. The driver copies them when the kernel is started.
final class Arguments {
    private static final int CAPACITY = 1024;

    // The options of cuLaunchKernel, from cuda.h.
    private static final long END = 0;
    private static final long BUFFER_POINTER = 1;
    private static final long BUFFER_SIZE = 2;

    private final MemorySegment bytes;
    private final MemorySegment size;
    private final MemorySegment options;
    private long used;

    Arguments(Arena arena) {
        bytes = arena.allocate(CAPACITY, Long.BYTES);
        size = arena.allocate(JAVA_LONG);
        options = arena.allocate(ADDRESS, 5);
        options.setAtIndex(ADDRESS, 0, MemorySegment.ofAddress(BUFFER_POINTER));
        options.setAtIndex(ADDRESS, 1, bytes);
        options.setAtIndex(ADDRESS, 2, MemorySegment.ofAddress(BUFFER_SIZE));
        options.setAtIndex(ADDRESS, 3, size);
        options.setAtIndex(ADDRESS, 4, MemorySegment.ofAddress(END));
    }

    /// Begins anew.
    Arguments clear() {
        used = 0;
        return this;
    }

    /// Adds an address or another number of 64 bits.
    Arguments add(long number) {
        used = (used + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
        bytes.set(JAVA_LONG, used, number);
        used += Long.BYTES;
        return this;
    }

    Arguments add(int number) {
        bytes.set(JAVA_INT, used, number);
        used += Integer.BYTES;
        return this;
    }

    Arguments add(float number) {
        bytes.set(JAVA_FLOAT, used, number);
        used += Float.BYTES;
        return this;
    }

    /// Skips to where a structure that has addresses begins or ends.
    Arguments align() {
        used = (used + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
        return this;
    }

    /// The options with which the driver finds the arguments.
    MemorySegment launchOptions() {
        size.set(JAVA_LONG, 0, used);
        return options;
    }
}
