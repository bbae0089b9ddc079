package org.sparkqwen.engine.sampling;

/// Computes `scores[i] = exp((scores[i] − maximum) / temperature)` for the first `count` scores, and returns their sum.
/// Several threads may call this at once.
@FunctionalInterface
public interface Exponentials {
    /// @param maximum the greatest of the scores
    /// @param temperature above 0
    double apply(float[] scores, int count, float maximum, float temperature);
}
