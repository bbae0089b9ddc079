package org.sparkqwen.engine.scoring;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What the model's distribution at each scored position says of a document: how unsure the model was, and how
/// surprising the tokens were for a model that is as unsure as that.
///
/// @param mean mean entropy of the scored positions in nats; null if nothing was scored
/// @param minKPlusPlus Min-K%++, without a unit; null if nothing was scored
/// @param ofTokens entropy at each token's position in nats; NaN if a token was not scored
public record Entropies(@Nullable Double mean, @Nullable Double minKPlusPlus, double[] ofTokens) {
    /// The least deviation by which a token's surprise is divided. Only distributions that are flat or certain to
    /// the last digit have a lower one, and it would divide rounding errors there.
    private static final double LEAST_DEVIATION = 1e-12;

    /// Computes the figures of a document. It sums in the order of tokens.
    ///
    /// Min-K%++ (Zhang et al. 2024, arXiv:2404.02936) is the mean of the lowest K % of z = (log p − μ) / σ, in
    /// which log p is the token's log-probability, and μ and σ are the mean and the standard deviation of log p
    /// under the model's distribution at its position.
    ///
    /// @param logProbabilities each token's log-probability in nats; NaN if a token was not scored
    /// @param means each position's mean of the log-probability in nats, which is the negative entropy
    /// @param deviations each position's standard deviation of the log-probability in nats
    /// @param minKPercent percentage of the scored tokens that Min-K%++ averages
    public static Entropies of(double[] logProbabilities, double[] means, double[] deviations, double minKPercent) {
        double[] entropies = new double[means.length];
        double[] scores = new double[means.length];
        double sum = 0;
        int scored = 0;
        for (int i = 0; i < entropies.length; i++) {
            if (Double.isNaN(logProbabilities[i])) {
                entropies[i] = Double.NaN;
                continue;
            }
            entropies[i] = Math.max(0, -means[i]); // rounding may bring a certain one below 0
            sum += entropies[i];
            scores[scored++] = (logProbabilities[i] - means[i]) / Math.max(deviations[i], LEAST_DEVIATION);
        }
        return scored == 0
                ? new Entropies(null, null, entropies)
                : new Entropies(sum / scored, MinKProb.of(Arrays.copyOf(scores, scored), minKPercent), entropies);
    }
}
