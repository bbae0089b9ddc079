package org.sparkqwen.engine.model;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.Matrix;

/// The weights of one layer. Norms are float32, `[width]`.
///
/// @param inputNorm `[hidden]`
/// @param query `[heads · headDim, hidden]`
/// @param key `[keyValueHeads · headDim, hidden]`
/// @param value `[keyValueHeads · headDim, hidden]`
/// @param queryNorm `[headDim]`
/// @param keyNorm `[headDim]`
/// @param output `[hidden, heads · headDim]`
/// @param postAttentionNorm `[hidden]`
record Layer(
        MemorySegment inputNorm,
        Matrix query,
        Matrix key,
        Matrix value,
        MemorySegment queryNorm,
        MemorySegment keyNorm,
        Matrix output,
        MemorySegment postAttentionNorm,
        FeedForward feedForward) {}
