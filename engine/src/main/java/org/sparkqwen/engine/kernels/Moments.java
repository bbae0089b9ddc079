package org.sparkqwen.engine.kernels;

/// The mean and the standard deviation of the log-probability under the distribution of each row, which
/// [Kernels#logProbabilities] fills in.
///
/// @param means `[rows]`: Σ p log p in nats, which is the negative entropy; NaN if a logit was NaN
/// @param deviations `[rows]`: √(Σ p (log p)² − mean²) in nats, at least 0; NaN if a logit was NaN
public record Moments(double[] means, double[] deviations) {
    /// Returns moments of so many rows, which are 0 until they are filled in.
    public static Moments ofRows(int rows) {
        return new Moments(new double[rows], new double[rows]);
    }
}
