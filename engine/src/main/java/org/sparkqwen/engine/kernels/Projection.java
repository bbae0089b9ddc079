package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// A linear layer's weight, and where its outputs go.
///
/// @param weight `[outputs, inputs]`
/// @param out `[tokens, outputs]`
public record Projection(Matrix weight, MemorySegment out) {}
