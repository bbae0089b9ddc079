package org.sparkqwen.engine.model;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.Matrix;

/// The weights of one layer. Norms and biases are float32, `[width]`.
///
/// @param inputNorm `[hidden]`
/// @param query `[heads · headDim, hidden]`
/// @param key `[keyValueHeads · headDim, hidden]`
/// @param value `[keyValueHeads · headDim, hidden]`
/// @param output `[hidden, heads · headDim]`
/// @param postAttentionNorm `[hidden]`
record Layer(
        MemorySegment inputNorm,
        Input query,
        Input key,
        Input value,
        Matrix output,
        MemorySegment postAttentionNorm,
        FeedForward feedForward) {

    /// A projection that computes queries, keys or values from the layer's input.
    ///
    /// @param weight `[outputs, hidden]`
    /// @param bias `[outputs]`; null if there is none
    /// @param norm `[headDim]`, of each head; null if there is none, and for values
    record Input(
            Matrix weight,
            @Nullable MemorySegment bias,
            @Nullable MemorySegment norm) {}
}
