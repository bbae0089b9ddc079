package org.sparkqwen.engine.model;

import org.sparkqwen.engine.kernels.Matrix;

/// What follows attention in a layer.
sealed interface FeedForward {
    /// `down(silu(gate(x)) · up(x))`.
    ///
    /// @param gate `[intermediate, hidden]`
    /// @param up `[intermediate, hidden]`
    /// @param down `[hidden, intermediate]`
    record Dense(Matrix gate, Matrix up, Matrix down) implements FeedForward {}
}
