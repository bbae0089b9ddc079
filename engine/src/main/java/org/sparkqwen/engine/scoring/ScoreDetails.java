package org.sparkqwen.engine.scoring;

import java.io.Serializable;
import org.sparkqwen.engine.sampling.GenerationParams;

/// What is computed of the model's distribution at each scored position, beside the log-probability of the token there.
///
/// @param entropy whether the entropy and Min-K%++ are computed, in the same pass as the log-probabilities
/// @param best number of most likely tokens that are listed for each position, at most 100 as for generated texts; 0
///     for none
public record ScoreDetails(boolean entropy, int best) implements Serializable {
    public static final ScoreDetails NONE = new ScoreDetails(false, 0);

    public ScoreDetails {
        if (best < 0 || best > GenerationParams.MOST_BEST) {
            throw new IllegalArgumentException(
                    "top-logprobs must be from 0 to %d, not %d".formatted(GenerationParams.MOST_BEST, best));
        }
    }
}
