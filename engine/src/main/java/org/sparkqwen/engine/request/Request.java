package org.sparkqwen.engine.request;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;

/// A request to the engine. Its `id` comes back with the result and means nothing to the engine.
public sealed interface Request {
    /// The id that the result has, too.
    long id();

    /// What is scored, classified, continued or embedded.
    Content content();

    /// Asks for the log-likelihood of a document or, with a prompt, of a continuation of it.
    ///
    /// @param prompt the text before the content, of the same kind; null for a document. With a prompt, only the
    ///     context length of the options' windows counts, and their prefix has no effect
    /// @param details what is computed of the model's distributions
    record Score(long id, @Nullable Content prompt, Content content, ScoringOptions options, ScoreDetails details)
            implements Request {
        /// Asks for the log-likelihood alone.
        public Score(long id, @Nullable Content prompt, Content content, ScoringOptions options) {
            this(id, prompt, content, options, ScoreDetails.NONE);
        }

        /// Asks for the log-likelihood of a document.
        public Score(long id, Content content, ScoringOptions options) {
            this(id, null, content, options);
        }
    }

    /// Asks which of some labels follows a prompt, and how likely each is.
    ///
    /// @param content the prompt
    /// @param labels tokenized apart from the prompt, as plain text
    /// @param context the most tokens that the model reads of the prompt and a label; at least 1
    record Classify(long id, Content content, Labels labels, int context) implements Request {}

    /// Asks for a continuation of a prompt.
    ///
    /// @param sample number of this continuation among those of the same prompt
    record Generate(long id, Content content, int sample, GenerationParams params) implements Request {}

    /// Asks for the embedding of a text. The tokens that the tokenizer puts around every text belong to it.
    ///
    /// @param context the most tokens that the model reads; of a longer text it reads the beginning, and the tokens
    ///     that the tokenizer puts after it
    /// @param dims how many numbers the embedding has, the first ones of the hidden state; at most all
    record Embed(long id, Content content, int context, int dims) implements Request {
        public Embed {
            if (context < 1) {
                throw new IllegalArgumentException("context must be at least 1, not " + context);
            }
            if (dims < 1) {
                throw new IllegalArgumentException("dims must be at least 1, not " + dims);
            }
        }
    }
}
