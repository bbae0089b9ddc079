package org.sparkqwen.engine.sampling;

import java.util.Arrays;

/// The tokens that may come next and their probabilities, from the likeliest to the least likely; among equals the
/// lower id first.
///
/// @param tokens ids
/// @param probabilities their sum is 1
record Distribution(int[] tokens, double[] probabilities) {

    /// Applies temperature, top-k, top-p and min-p in the order of transformers' `generate()`. Each works on the
    /// softmax of what the one before it left, and leaves at least one token.
    ///
    /// @param logits of tokens 0 to `logits.length - 1`
    /// @param params not greedy
    static Distribution of(float[] logits, SamplingParams params) {
        int[] tokens = descending(logits);
        int kept = topK(logits, tokens, params.topK());
        double[] weights = new double[kept];
        for (int i = 0; i < kept; i++) {
            // Divided last: a difference is 0 or below, so however small the temperature, nothing overflows to NaN.
            weights[i] = StrictMath.exp(((double) logits[tokens[i]] - logits[tokens[0]]) / params.temperature());
        }
        kept = topP(weights, kept, params.topP());
        kept = minP(weights, kept, params.minP());

        double sum = sum(weights, kept);
        double[] probabilities = new double[kept];
        for (int i = 0; i < kept; i++) {
            probabilities[i] = weights[i] / sum;
        }
        return new Distribution(Arrays.copyOf(tokens, kept), probabilities);
    }

    /// The token at which the cumulative probability passes `u`.
    ///
    /// @param u from 0 to below 1
    int at(double u) {
        double cumulative = 0;
        for (int i = 0; i < tokens.length; i++) {
            cumulative += probabilities[i];
            if (u < cumulative) {
                return tokens[i];
            }
        }
        return tokens[tokens.length - 1];
    }

    /// Tokens by falling logit. One sort of longs: the logit's bits, made to order as integers do, above the id.
    private static int[] descending(float[] logits) {
        long[] keys = new long[logits.length];
        for (int i = 0; i < logits.length; i++) {
            int bits = Float.floatToIntBits(logits[i] + 0f); // + 0 makes −0 and 0 equal
            int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
            keys[i] = ((long) ~ordered << 32) | i;
        }
        Arrays.sort(keys);
        int[] tokens = new int[keys.length];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = (int) keys[i];
        }
        return tokens;
    }

    /// Tokens with at least the logit of the K-th; equals of it stay.
    private static int topK(float[] logits, int[] tokens, int k) {
        if (k == 0 || k >= tokens.length) {
            return tokens.length;
        }
        int kept = k;
        while (kept < tokens.length && logits[tokens[kept]] == logits[tokens[k - 1]]) {
            kept++;
        }
        return kept;
    }

    /// Drops the least likely tokens while their probabilities together stay within 1 − p.
    private static int topP(double[] weights, int count, double p) {
        double allowed = (1 - p) * sum(weights, count);
        int kept = count;
        double dropped = 0;
        while (kept > 1 && dropped + weights[kept - 1] <= allowed) {
            dropped += weights[kept - 1];
            kept--;
        }
        return kept;
    }

    /// Drops tokens less than `minP` times as likely as the likeliest, whose weight is 1.
    private static int minP(double[] weights, int count, double minP) {
        int kept = count;
        while (kept > 1 && weights[kept - 1] < minP) {
            kept--;
        }
        return kept;
    }

    private static double sum(double[] weights, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += weights[i];
        }
        return sum;
    }
}
