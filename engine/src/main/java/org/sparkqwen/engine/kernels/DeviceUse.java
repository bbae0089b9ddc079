package org.sparkqwen.engine.kernels;

/// What kernels have used of their GPU.
///
/// @param allocatedBytes bytes of the GPU's memory that these kernels hold now
/// @param memoryBytes bytes of memory that the GPU has
/// @param busyNanos time since the kernels were made in which the GPU computed for them, in nanoseconds
/// @param waitedNanos time in which threads of the host waited for the GPU, in nanoseconds; what is left of a thread's
///     time
///     is the host's own work
public record DeviceUse(long allocatedBytes, long memoryBytes, long busyNanos, long waitedNanos) {}
