package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// How the heads of queries and keys are rotated, see [Kernels#normAndRotate].
///
/// @param queryNorm `[headDim]`, the weight of the norm of queries; null for no norm
/// @param keyNorm `[headDim]`, the weight of the norm of keys; null for no norm
/// @param epsilon of the norms
/// @param positions each row's position in its sequence
/// @param cosines `[more than the highest position, headDim / 2]`
/// @param sines `[more than the highest position, headDim / 2]`
public record HeadRotation(
        @Nullable MemorySegment queryNorm,
        @Nullable MemorySegment keyNorm,
        float epsilon,
        int[] positions,
        MemorySegment cosines,
        MemorySegment sines) {}
