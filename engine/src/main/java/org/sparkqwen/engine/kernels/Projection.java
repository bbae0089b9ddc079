package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.Matrix;

/// A linear layer: its weight, and the memory for its outputs.
///
/// @param weight `[outputs, inputs]`
/// @param bias `[outputs]`, added to the finished products; null if there is none
/// @param out `[tokens, outputs]`
public record Projection(Matrix weight, @Nullable MemorySegment bias, MemorySegment out) {
    public Projection(Matrix weight, MemorySegment out) {
        this(weight, null, out);
    }
}
