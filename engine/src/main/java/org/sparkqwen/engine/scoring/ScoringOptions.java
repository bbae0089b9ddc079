package org.sparkqwen.engine.scoring;

import java.io.Serializable;

/// How documents are scored.
///
/// @param windows how long documents are cut
/// @param prefix what stands before a document; no end-of-text token, with windows that score halves
/// @param minKPercent percentage of the least likely tokens that Min-K% Prob averages, above 0 and at most 100
public record ScoringOptions(Windows windows, Prefix prefix, double minKPercent) implements Serializable {

    /// What stands before a document's first token.
    public enum Prefix {
        /// The end-of-text token, which separates documents in training: every token is scored. It takes one
        /// place of the first window.
        EOS,
        /// The token that begins texts of models that have one. With windows that score halves it takes the
        /// place of each window's first token, as llama-perplexity does.
        BOS,
        /// Nothing: the first token has no context and is not scored.
        NONE
    }

    /// The percentage that the method was published with.
    public static final double DEFAULT_MIN_K = 20;

    public ScoringOptions {
        if (windows instanceof Windows.Half && prefix == Prefix.EOS) {
            throw new IllegalArgumentException("windows that score halves take no end-of-text token as prefix");
        }
        if (!(minKPercent > 0 && minKPercent <= 100)) {
            throw new IllegalArgumentException("min-k must be above 0 and at most 100 percent, not " + minKPercent);
        }
    }
}
