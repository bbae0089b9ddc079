package org.sparkqwen.engine.scoring;

import java.io.Serializable;

/// How documents are scored.
///
/// @param context tokens of a window at most
/// @param stride tokens from one window's start to the next one's; at most `context`
/// @param prefix what stands before a document
/// @param minKPercent percentage of the least likely tokens that Min-K% Prob averages, above 0 and at most 100
public record ScoringOptions(int context, int stride, Prefix prefix, double minKPercent) implements Serializable {

    /// What stands before a document's first token.
    public enum Prefix {
        /// The end-of-text token, which separates documents in training: every token is scored. It takes one
        /// place of the first window.
        EOS,
        /// Nothing: the first token has no context and is not scored.
        NONE
    }

    /// The percentage that the method was published with.
    public static final double DEFAULT_MIN_K = 20;

    public ScoringOptions {
        if (context < 2) {
            throw new IllegalArgumentException("context must be at least 2, not " + context);
        }
        if (stride < 1 || stride > context) {
            throw new IllegalArgumentException(
                    "stride must be from 1 to the context %d, not %d".formatted(context, stride));
        }
        if (!(minKPercent > 0 && minKPercent <= 100)) {
            throw new IllegalArgumentException("min-k must be above 0 and at most 100 percent, not " + minKPercent);
        }
    }
}
