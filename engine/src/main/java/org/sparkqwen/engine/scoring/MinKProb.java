package org.sparkqwen.engine.scoring;

import java.util.Arrays;

/// Computes Min-K% Prob (Shi et al. 2023, arXiv:2310.16789): the mean log-probability of the K % least likely tokens,
/// which is high for text that was in the training data. Min-K%++ takes the same mean of other values.
final class MinKProb {
    private MinKProb() {}

    /// @param logProbabilities a value for each scored token, such as its log-probability in nats; at least one
    /// @param percent above 0 and at most 100; at least one token is averaged
    static double of(double[] logProbabilities, double percent) {
        double[] ascending = logProbabilities.clone();
        Arrays.sort(ascending);
        int count = Math.max(1, (int) (ascending.length * percent / 100));
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += ascending[i];
        }
        return sum / count;
    }
}
