package org.sparkqwen.engine.sampling;

/// `scores[i] = exp((scores[i] − maximum) / temperature)` for the first `count`; returns their sum. Several threads may
/// call it at once.
@FunctionalInterface
public interface Exponentials {
    /// @param maximum the greatest of the scores
    /// @param temperature above 0
    double apply(float[] scores, int count, float maximum, float temperature);
}
