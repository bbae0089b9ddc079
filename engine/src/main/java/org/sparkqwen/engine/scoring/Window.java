package org.sparkqwen.engine.scoring;

/// A stretch of a document that the model sees at once, and which of its tokens are scored there. The last one is only
/// ever scored: the model reads those before it.
///
/// @param start position of the window's first token
/// @param end position after its last
/// @param firstTarget position of the first token scored here, greater than `start`; the targets reach to `end`
public record Window(int start, int end, int firstTarget) {

    /// Tokens that the model reads.
    public int inputs() {
        return end - start - 1;
    }

    public int targets() {
        return end - firstTarget;
    }
}
