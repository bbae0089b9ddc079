package org.sparkqwen.engine.scoring;

/// A window: a range of a document that the model reads in one pass, and the tokens of it that are scored there. The
/// last token is only scored, because the model reads just those before it.
///
/// @param start position of the window's first token
/// @param end position after the window's last token
/// @param firstTarget position of the first token scored here, greater than `start`; the targets reach to `end`
public record Window(int start, int end, int firstTarget) {

    /// The number of tokens that the model reads.
    public int inputs() {
        return end - start - 1;
    }

    public int targets() {
        return end - firstTarget;
    }
}
