package org.sparkqwen.engine.request;

/// Takes note of how far a document is that takes more than one window, and so perhaps hours.
@FunctionalInterface
public interface ScoringProgress {
    /// A window of a document was computed, and it was not the last. Called by the thread that reads the results.
    ///
    /// @param id of the request
    /// @param tokens that were scored with it
    /// @param all tokens of the document
    void computed(long id, int tokens, int all);
}
