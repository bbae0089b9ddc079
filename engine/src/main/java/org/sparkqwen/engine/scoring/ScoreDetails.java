package org.sparkqwen.engine.scoring;

import java.io.Serializable;

/// What is computed of the model's distribution at each scored position, beside the log-probability of the token there.
///
/// @param entropy whether the entropy and Min-K%++ are computed, in the same pass as the log-probabilities
/// @param best number of most likely tokens that are listed for each position; 0 for none
public record ScoreDetails(boolean entropy, int best) implements Serializable {
    public static final ScoreDetails NONE = new ScoreDetails(false, 0);

    public ScoreDetails {
        if (best < 0) {
            throw new IllegalArgumentException("top-logprobs must not be negative: " + best);
        }
    }
}
