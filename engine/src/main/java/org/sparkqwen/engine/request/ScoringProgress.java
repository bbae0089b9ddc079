package org.sparkqwen.engine.request;

/// Reports the progress of a document that takes more than one window, and so perhaps hours.
@FunctionalInterface
public interface ScoringProgress {
    /// Reports that a window of a document was computed, and that it was not the last. The thread that reads the
    /// results calls this.
    ///
    /// @param id id of the request
    /// @param tokens number of tokens that were scored with the window
    /// @param all number of tokens of the document
    void computed(long id, int tokens, int all);
}
