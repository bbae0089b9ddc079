package org.sparkqwen.engine.request;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.scoring.ScoringOptions;

/// Work for the engine; its `id` comes back with the result and means nothing to the engine.
public sealed interface Request {
    long id();

    Content content();

    /// Asks for the log-likelihood of a document; with a prompt, of a continuation of it.
    ///
    /// @param prompt what comes before the content, of the same kind; null for a document. The windows of `options`
    ///     then say no more than the context, and their prefix nothing
    record Score(long id, @Nullable Content prompt, Content content, ScoringOptions options) implements Request {
        /// Asks for that of a document.
        public Score(long id, Content content, ScoringOptions options) {
            this(id, null, content, options);
        }
    }

    /// Asks for a continuation of a prompt.
    ///
    /// @param sample number of this continuation among those of the same prompt
    record Generate(long id, Content content, int sample, GenerationParams params) implements Request {}
}
