// The order of kernels. A kernel may start while the one before it ends (programmatic dependent launch), so that
// nothing is lost between them. It waits before it reads or writes what others may write or read, and then lets the
// next start.
#pragma once

/// Waits until all kernels before this one are done and their results can be read. Each thread calls it that reads or
/// writes device memory, weights apart.
__device__ __forceinline__ void awaitEarlier() {
    asm volatile("griddepcontrol.wait;" ::: "memory");
}

/// Lets the next kernel start, which then waits itself.
__device__ __forceinline__ void letNextStart() {
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

/// Both, for a kernel that has nothing to do before.
__device__ __forceinline__ void beginAfterEarlier() {
    awaitEarlier();
    letNextStart();
}
