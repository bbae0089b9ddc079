package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// How a kernel is started: the structure CUlaunchConfig of cuda.h, with one attribute. With it, a kernel may start
/// while the one before it ends, see `order.cuh`.
final class LaunchConfiguration {
    private static final long BYTES = 56;
    private static final long STREAM = 32;
    private static final long ATTRIBUTES = 40;
    private static final long ATTRIBUTE_COUNT = 48;

    private static final long ATTRIBUTE_BYTES = 72;
    private static final long ATTRIBUTE_VALUE = 8;
    private static final int PROGRAMMATIC_STREAM_SERIALIZATION = 6;

    private final MemorySegment bytes;

    /// @param arena where the structure lies
    LaunchConfiguration(Arena arena, long stream) {
        MemorySegment attribute = arena.allocate(ATTRIBUTE_BYTES, Long.BYTES);
        attribute.set(JAVA_INT, 0, PROGRAMMATIC_STREAM_SERIALIZATION);
        attribute.set(JAVA_INT, ATTRIBUTE_VALUE, 1);
        bytes = arena.allocate(BYTES, Long.BYTES);
        bytes.set(JAVA_LONG, STREAM, stream);
        bytes.set(ADDRESS, ATTRIBUTES, attribute);
    }

    /// The address of the structure for a kernel.
    ///
    /// @param x number of blocks of threads
    /// @param y number of rows of blocks of threads
    /// @param early whether it may start while the kernel before it ends
    MemorySegment of(int x, int y, int threads, int shared, boolean early) {
        int[] sizes = {x, y, 1, threads, 1, 1, shared};
        MemorySegment.copy(sizes, 0, bytes, JAVA_INT, 0, sizes.length);
        bytes.set(JAVA_INT, ATTRIBUTE_COUNT, early ? 1 : 0);
        return bytes;
    }
}
