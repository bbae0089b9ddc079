package org.sparkqwen.engine.kernels.measure;

/// What a forward pass spends its time on.
public enum Stage {
    /// Linear layers, the packing of their activations included.
    LINEAR,
    /// Scores, softmax and weighted values.
    ATTENTION,
    /// The vocabulary head, with the log-sum-exp over its logits.
    HEAD,
    /// Norms, rotary embedding, activation functions, residuals and the key/value store.
    REST
}
