package org.sparkqwen.engine.kernels.measure;

/// A kind of work on which a forward pass spends time.
public enum Stage {
    /// Linear layers, including the packing of their activations.
    LINEAR,
    /// Attention: scores, softmax and weighted values.
    ATTENTION,
    /// The vocabulary head, with the log-sum-exp over its logits.
    HEAD,
    /// All other operations: norms, rotary embedding, activation functions, residuals and the key/value store.
    REST
}
