package org.sparkqwen.engine.kernels;

/// Describes a GPU that this process sees.
///
/// @param index its number, see [Device#index]
/// @param name its product name, such as `NVIDIA H200`
/// @param architecture what code it runs, such as `sm_90`
/// @param driver the version of its driver
/// @param memoryBytes bytes of its memory
/// @param freeBytes bytes of its memory that nobody uses now
public record DeviceDescription(
        int index, String name, String architecture, String driver, long memoryBytes, long freeBytes) {}
