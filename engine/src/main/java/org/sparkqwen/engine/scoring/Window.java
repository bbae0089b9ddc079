package org.sparkqwen.engine.scoring;

import java.util.ArrayList;
import java.util.List;

/// A stretch of a document that the model sees at once, and which of its tokens it scores there.
///
/// @param start position of the window's first token
/// @param end position after its last
/// @param firstTarget position of the first token scored here, greater than `start`; the targets reach to `end`
public record Window(int start, int end, int firstTarget) {

    public int length() {
        return end - start;
    }

    public int targets() {
        return end - firstTarget;
    }

    /// The fixed-length-model recipe of Hugging Face's documentation: windows of `context` tokens every `stride`
    /// tokens; each scores the tokens that the windows before it did not. The first token of a window has no
    /// context and is not scored, so with a stride below the context all tokens but the very first are.
    ///
    /// @param length tokens of the document, with its prefix if it has one
    /// @return windows that score at least one token, in order
    public static List<Window> strided(int length, int context, int stride) {
        List<Window> windows = new ArrayList<>();
        int scoredUpTo = 0;
        for (int start = 0; scoredUpTo < length; start += stride) {
            int end = Math.min(start + context, length);
            int firstTarget = Math.max(scoredUpTo, start + 1);
            if (firstTarget < end) {
                windows.add(new Window(start, end, firstTarget));
            }
            scoredUpTo = end;
        }
        return windows;
    }
}
