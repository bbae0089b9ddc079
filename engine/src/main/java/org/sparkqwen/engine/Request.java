package org.sparkqwen.engine;

import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.scoring.ScoringOptions;

/// Work for the engine; its `id` comes back with the result and means nothing to the engine.
public sealed interface Request {
    long id();

    Content content();

    /// Asks for the log-likelihood of a document.
    record Score(long id, Content content, ScoringOptions options) implements Request {}

    /// Asks for a continuation of a prompt.
    ///
    /// @param sample number of this continuation among those of the same prompt
    record Generate(long id, Content content, int sample, GenerationParams params) implements Request {}
}
