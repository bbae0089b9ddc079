package org.sparkqwen.engine.scoring;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What is known of a document once its tokens are scored.
///
/// @param sumNll negative log-likelihood of the scored tokens, in nats
/// @param tokensScored how many
/// @param minKProb in nats; null when nothing was scored
/// @param tokenLogProbabilities each token's, in nats; NaN where a token was not scored
public record DocumentScore(
        double sumNll, int tokensScored, @Nullable Double minKProb, double[] tokenLogProbabilities) {

    /// Sums in the order of tokens, so that the same tokens give the same bits.
    public static DocumentScore of(double[] tokenLogProbabilities, double minKPercent) {
        double[] scored = Arrays.stream(tokenLogProbabilities)
                .filter(logProbability -> !Double.isNaN(logProbability))
                .toArray();
        double sum = 0;
        for (double logProbability : scored) {
            sum -= logProbability;
        }
        return new DocumentScore(
                sum,
                scored.length,
                scored.length == 0 ? null : MinKProb.of(scored, minKPercent),
                tokenLogProbabilities);
    }
}
