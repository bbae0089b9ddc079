package org.sparkqwen.engine.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A token and its log-probability in the model's own distribution, in nats.
public record RankedToken(int token, double logProbability) {

    /// The most likely tokens in descending order; among equals the lower id comes first.
    ///
    /// @param logits float32, by id
    /// @param logSumExp log Σ exp of all of the model's logits
    /// @param count number of tokens to return
    public static List<RankedToken> best(MemorySegment logits, double logSumExp, int count) {
        int all = Math.toIntExact(logits.byteSize() / Float.BYTES);
        int[] tokens = new int[Math.min(count, all)];
        float[] greatest = new float[tokens.length];
        int known = 0;
        for (int token = 0; token < all; token++) {
            float logit = logits.getAtIndex(JAVA_FLOAT, token);
            if (known == tokens.length && (known == 0 || logit <= greatest[known - 1])) {
                continue;
            }
            int at = known < tokens.length ? known++ : known - 1;
            for (; at > 0 && greatest[at - 1] < logit; at--) {
                greatest[at] = greatest[at - 1];
                tokens[at] = tokens[at - 1];
            }
            greatest[at] = logit;
            tokens[at] = token;
        }
        List<RankedToken> best = new ArrayList<>();
        for (int i = 0; i < known; i++) {
            best.add(new RankedToken(tokens[i], greatest[i] - logSumExp));
        }
        return best;
    }
}
