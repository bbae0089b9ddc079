package org.sparkqwen.engine.model;

import java.util.List;
import org.sparkqwen.engine.kernels.Matrix;

/// What follows attention in a layer.
sealed interface FeedForward {
    /// `down(silu(gate(x)) · up(x))`.
    ///
    /// @param gate `[intermediate, hidden]`
    /// @param up `[intermediate, hidden]`
    /// @param down `[hidden, intermediate]`
    record Dense(Matrix gate, Matrix up, Matrix down) implements FeedForward {}

    /// Experts, of which each token goes to a few: those that the router finds likeliest for it.
    ///
    /// @param router `[experts, hidden]`
    record Mixture(MixtureShape shape, Matrix router, List<Expert> experts) implements FeedForward {}

    /// One expert. Many are never asked for when few tokens are computed, so each is checked by itself.
    ///
    /// @param use checks the expert's weights before the first use
    record Expert(Dense weights, FirstUse use) {
        Dense checked() {
            use.check();
            return weights;
        }
    }
}
