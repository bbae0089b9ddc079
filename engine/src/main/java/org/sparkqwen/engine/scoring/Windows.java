package org.sparkqwen.engine.scoring;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/// A window policy: how a document is cut into windows, and so which tokens the model sees before each one that it
/// scores. Tools differ in this, and so do their perplexities of long documents.
public sealed interface Windows extends Serializable {
    /// The most tokens that the model reads at once.
    int context();

    /// @param length number of tokens of the document, with its prefix if it has one
    /// @return windows in order, which score at least one token each, and no token twice
    List<Window> cut(int length);

    /// Strided windows, the fixed-length-model recipe of Hugging Face's documentation: windows of `context` tokens
    /// every `stride` tokens, each of which scores the tokens that the windows before it did not. The first token
    /// of a window has no context and is not scored, so with a stride below the context all tokens but the very
    /// first are.
    ///
    /// @param stride tokens from the start of one window to the start of the next; at most `context`
    record Strided(int context, int stride) implements Windows {
        public Strided {
            checkContext(context, 2);
            if (stride < 1 || stride > context) {
                throw new IllegalArgumentException(
                        "stride must be from 1 to the context %d, not %d".formatted(context, stride));
            }
        }

        @Override
        public List<Window> cut(int length) {
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

    /// Rolling windows, as lm-evaluation-harness cuts them for perplexity (`loglikelihood_rolling`). All tokens but
    /// the very first are scored, `context` in each window, after the one token before them. The last window scores
    /// what is left, and begins as much earlier as it has room.
    record Rolling(int context) implements Windows {
        public Rolling {
            checkContext(context, 2);
        }

        @Override
        public List<Window> cut(int length) {
            List<Window> windows = new ArrayList<>();
            for (int firstTarget = 1; firstTarget < length; firstTarget += context) {
                int end = Math.min(firstTarget + context, length);
                windows.add(new Window(Math.max(0, end - context - 1), end, firstTarget));
            }
            return windows;
        }
    }

    /// Windows that score halves, as in llama-perplexity of llama.cpp: chunks of `context` tokens, of which the
    /// second half is scored except its first token, so that each has more than half a chunk before it. Tokens that
    /// do not fill a chunk are not scored, and neither is a document that fills none.
    record Half(int context) implements Windows {
        public Half {
            checkContext(context, 3);
        }

        @Override
        public List<Window> cut(int length) {
            List<Window> windows = new ArrayList<>();
            for (int start = 0; start <= length - context; start += context) {
                windows.add(new Window(start, start + context, start + context / 2 + 1));
            }
            return windows;
        }
    }

    private static void checkContext(int context, int least) {
        if (context < least) {
            throw new IllegalArgumentException("context must be at least %d, not %d".formatted(least, context));
        }
    }
}
