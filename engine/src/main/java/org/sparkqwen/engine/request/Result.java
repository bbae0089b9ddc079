package org.sparkqwen.engine.request;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.scoring.DocumentScore;

/// What became of a request.
public sealed interface Result {
    /// The request's.
    long id();

    /// The log-likelihood of a document, or of a continuation.
    ///
    /// @param greedy whether each token of a continuation is the likeliest one; null for a document
    /// @param tokens the ids of the document or continuation, without prefix or prompt
    /// @param bytes of the request's content in UTF-8; null for one that came as tokens or as a
    ///     conversation
    /// @param words runs of non-white-space in the content; null likewise
    record Scored(
            long id,
            DocumentScore score,
            @Nullable Boolean greedy,
            int[] tokens,
            @Nullable Integer bytes,
            @Nullable Integer words)
            implements Result {}

    /// A continuation.
    ///
    /// @param text of a model that reasons first the answer alone; without the tool calls that could be read; null
    ///     where the model has no tokenizer
    /// @param reasoning what came before the answer; null where none was asked for or none came
    /// @param toolCalls what the model calls; null where it was given no tools, or where a call in the text cannot
    ///     be read
    /// @param tokens the generated ids, an end-of-text token included
    /// @param logProbabilities of the generated tokens in the model's own distribution, before
    ///     temperature and filters
    /// @param best the likeliest tokens at each position, as many as were asked for; none if none were
    record Generated(
            long id,
            @Nullable String text,
            @Nullable String reasoning,
            @Nullable List<ToolCall> toolCalls,
            FinishReason finishReason,
            int promptTokens,
            List<Integer> tokens,
            List<Double> logProbabilities,
            List<List<RankedToken>> best)
            implements Result {}

    /// A request that cannot be answered.
    ///
    /// @param reason one line: what is wrong with the request
    record Rejected(long id, String reason) implements Result {}

    /// Why a text ended.
    enum FinishReason {
        /// An end-of-text token, a stop token, a stop text, or the end of what a constraint asks for.
        STOP,
        /// The most tokens allowed, or the end of the context.
        LENGTH,
        /// It went round in a circle.
        REPETITION
    }
}
