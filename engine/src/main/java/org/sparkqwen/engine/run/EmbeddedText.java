package org.sparkqwen.engine.run;

import java.util.Arrays;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;

/// A text that is embedded: the tokens that the model reads, and how its last hidden state becomes an embedding.
///
/// @param tokens the ids, at most as many as the request's context
/// @param truncated whether the text has more tokens than that
record EmbeddedText(Request.Embed request, int[] tokens, boolean truncated) {
    /// Tokenizes a text as transformers does. It ends with the token that the tokenizer puts after every text, also
    /// when it is cut.
    ///
    /// @throws RejectedContent if it has no tokens, or if the model has no such ids
    static EmbeddedText of(LoadedModel model, Request.Embed request) {
        if (request.context() > model.config().maxPositions()) {
            throw new IllegalArgumentException("a context of %,d tokens; the model has %,d"
                    .formatted(request.context(), model.config().maxPositions()));
        }
        if (request.dims() > model.config().hiddenSize()) {
            throw new IllegalArgumentException("embeddings of %,d numbers; the model has %,d"
                    .formatted(request.dims(), model.config().hiddenSize()));
        }
        int[] tokens = model.promptTokens(request.content());
        if (tokens.length <= request.context()) {
            return new EmbeddedText(request, tokens, false);
        }
        int[] end = model.tokensAfter(tokens);
        if (end.length >= request.context()) {
            throw new RejectedContent("a context of %,d has no room for text beside the %,d tokens of its end"
                    .formatted(request.context(), end.length));
        }
        int[] cut = Arrays.copyOf(tokens, request.context());
        System.arraycopy(end, 0, cut, request.context() - end.length, end.length);
        return new EmbeddedText(request, cut, true);
    }

    /// Makes the embedding: the first numbers of the hidden state, divided by their Euclidean norm. The norm is
    /// summed in double, in the order of the numbers, so that each result has the same bits.
    ///
    /// @param state `[hidden]`
    Result result(float[] state) {
        int dims = request.dims();
        double squares = 0;
        for (int i = 0; i < dims; i++) {
            squares += (double) state[i] * state[i];
        }
        double norm = Math.sqrt(squares);
        if (!Double.isFinite(norm) || norm == 0) {
            return new Result.Rejected(
                    request.id(),
                    "the model gives an embedding of length %s; its weights or activations overflow or are zero"
                            .formatted(norm));
        }
        float[] embedding = new float[dims];
        for (int i = 0; i < dims; i++) {
            embedding[i] = (float) (state[i] / norm);
        }
        return new Result.Embedded(request.id(), embedding, tokens.length, truncated);
    }
}
