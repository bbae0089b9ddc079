package org.sparkqwen.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.scoring.DocumentScore;

/// What became of a request.
public sealed interface Result {
    /// The request's.
    long id();

    /// A document's log-likelihood.
    ///
    /// @param tokens the document's ids, without a prefix
    /// @param bytes of the document in UTF-8; null for one that came as tokens or as a conversation
    /// @param words runs of non-white-space in the document; null likewise
    record Scored(
            long id,
            DocumentScore score,
            int[] tokens,
            @Nullable Integer bytes,
            @Nullable Integer words) implements Result {}

    /// A continuation.
    ///
    /// @param text null where the model has no tokenizer
    /// @param tokens the generated ids, an end-of-text token included
    /// @param logProbabilities of the generated tokens in the model's own distribution, before
    ///     temperature and filters
    record Generated(
            long id,
            @Nullable String text,
            FinishReason finishReason,
            int promptTokens,
            List<Integer> tokens,
            List<Double> logProbabilities)
            implements Result {}

    /// A request that cannot be answered.
    ///
    /// @param reason one line: what is wrong with the request
    record Rejected(long id, String reason) implements Result {}

    /// Why a text ended.
    enum FinishReason {
        /// An end-of-text token, a stop token or a stop text.
        STOP,
        /// The most tokens allowed, or the end of the context.
        LENGTH
    }
}
