package org.sparkqwen.engine.kernels.vector;

import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;

/// The queries that attention computes at once: those of `tokens` tokens from `token` of a span, for the heads that
/// share `keyValueHead`. Its rows are ordered by token, and within a token by the heads of the group.
public record AttentionTile(AttentionSpan span, int token, int tokens, int keyValueHead) {

    public int rows(AttentionShape shape) {
        return tokens * shape.group();
    }

    /// The position of the first token.
    public int position() {
        return span.position() + token;
    }

    /// The distance in bytes from the batch's first query to a row.
    public long offset(AttentionShape shape, int row) {
        int inBatch = span.row() + token + row / shape.group();
        int head = keyValueHead * shape.group() + row % shape.group();
        return ((long) inBatch * shape.queryWidth() + (long) head * shape.headDim()) * Float.BYTES;
    }
}
