package org.sparkqwen.engine.scoring;

import java.io.Serializable;

/// The options for scoring documents.
///
/// @param windows the window policy, which cuts long documents
/// @param prefix the prefix of a document; not the end-of-text token with windows that score halves
/// @param minKPercent percentage of the least likely tokens that Min-K% Prob averages, above 0 and at most 100
public record ScoringOptions(Windows windows, Prefix prefix, double minKPercent) implements Serializable {

    /// The prefix token, which stands before a document's first token.
    public enum Prefix {
        /// The end-of-text token, which separates documents in training. Every token is scored, and the prefix
        /// takes one place of the first window.
        EOS,
        /// The token that begins texts of models that have one. With windows that score halves it takes the
        /// place of each window's first token, as in llama-perplexity.
        BOS,
        /// No prefix: the first token has no context and is not scored.
        NONE
    }

    /// The percentage with which the method was published.
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
