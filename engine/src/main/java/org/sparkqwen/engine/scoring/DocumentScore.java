package org.sparkqwen.engine.scoring;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.RankedToken;

/// The score of a document, computed from its tokens' log-probabilities.
///
/// @param sumNll negative log-likelihood of the scored tokens, in nats
/// @param tokensScored number of scored tokens
/// @param minKProb Min-K% Prob in nats; null if nothing was scored
/// @param tokenLogProbabilities each token's log-probability in nats; NaN if a token was not scored
/// @param entropies the figures of entropies; null if they were not wanted
/// @param best the most likely tokens at each token's position; empty if none were wanted, and at a position that was not
///     scored
public record DocumentScore(
        double sumNll,
        int tokensScored,
        @Nullable Double minKProb,
        double[] tokenLogProbabilities,
        @Nullable Entropies entropies,
        List<List<RankedToken>> best) {

    /// Computes a score. It sums in the order of tokens, so that the same tokens give the same bits.
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
                tokenLogProbabilities,
                null,
                List.of());
    }

    /// Returns this score with what is known of the distributions.
    public DocumentScore with(@Nullable Entropies value, List<List<RankedToken>> ranked) {
        return new DocumentScore(sumNll, tokensScored, minKProb, tokenLogProbabilities, value, ranked);
    }
}
