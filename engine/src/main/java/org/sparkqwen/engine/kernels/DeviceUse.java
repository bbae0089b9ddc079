package org.sparkqwen.engine.kernels;

/// What kernels have used of their GPU.
///
/// @param allocatedBytes bytes of the GPU's memory that these kernels hold now
/// @param memoryBytes bytes of memory that the GPU has
/// @param busyNanos time since the kernels were made in which the GPU computed for them, in nanoseconds
public record DeviceUse(long allocatedBytes, long memoryBytes, long busyNanos) {}
