package org.sparkqwen.engine.model;

import java.util.Optional;
import org.sparkqwen.engine.kernels.AttentionShape;

/// The sizes of a model that its family reads from config.json. The limits are those that no real model comes
/// near, so that sizes do not overflow.
///
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width of a dense feed-forward layer
/// @param attention its heads have an even width, because rotary embedding turns pairs of numbers
/// @param mixture the experts and the layers that have them; absent if none has
public record ModelSizes(
        int layers, int hiddenSize, int intermediateSize, AttentionShape attention, Optional<MixtureShape> mixture) {

    /// The most numbers that a row of weights may have.
    public static final int MAX_WIDTH = 1 << 18;

    public static final int MAX_LAYERS = 1 << 10;
    public static final int MAX_HEADS = 1 << 10;

    /// The most experts that a layer may have.
    public static final int MAX_EXPERTS = 1 << 12;

    /// Returns the sizes of the same model with other experts.
    public ModelSizes with(Optional<MixtureShape> experts) {
        return new ModelSizes(layers, hiddenSize, intermediateSize, attention, experts);
    }
}
