package org.sparkqwen.engine.model;

import java.util.List;
import org.sparkqwen.engine.kernels.format.Matrix;

/// The feed-forward part of a layer, which follows attention.
sealed interface FeedForward {
    /// A dense feed-forward: `down(silu(gate(x)) · up(x))`.
    ///
    /// @param gate `[intermediate, hidden]`
    /// @param up `[intermediate, hidden]`
    /// @param down `[hidden, intermediate]`
    record Dense(Matrix gate, Matrix up, Matrix down) implements FeedForward {}

    /// A mixture of experts. Each token goes to a few of them, those that the router finds most likely for it.
    ///
    /// @param router `[experts, hidden]`
    record Mixture(MixtureShape shape, Matrix router, List<Expert> experts) implements FeedForward {}

    /// One expert, which is checked by itself because many experts are not needed for a few tokens.
    ///
    /// @param use checks the expert's weights before their first use
    record Expert(Dense weights, FirstUse use) {
        Dense checked() {
            use.check();
            return weights;
        }
    }
}
