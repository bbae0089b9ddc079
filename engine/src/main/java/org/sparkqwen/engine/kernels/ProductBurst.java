package org.sparkqwen.engine.kernels;

/// Runs the instruction with which kernels multiply weights, and nothing else, for some hundred microseconds.
public interface ProductBurst {
    /// Runs on the calling thread, at the same time as on others.
    ///
    /// @return arithmetic operations of products, where a multiply-add counts as two. If several multiply-adds
    ///     stand for one, because a number is split into parts, these count as one
    double run();
}
