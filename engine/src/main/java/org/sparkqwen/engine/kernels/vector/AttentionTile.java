package org.sparkqwen.engine.kernels.vector;

import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;

/// What attention computes at once: the queries of `tokens` tokens from `token` of a span, for the heads that share
/// `keyValueHead`. Its rows are those tokens, and within a token the group's heads.
record AttentionTile(AttentionSpan span, int token, int tokens, int keyValueHead) {

    int rows(AttentionShape shape) {
        return tokens * shape.group();
    }

    /// Position of the first token.
    int position() {
        return span.position() + token;
    }

    /// Bytes from the batch's first query to a row.
    long offset(AttentionShape shape, int row) {
        int inBatch = span.row() + token + row / shape.group();
        int head = keyValueHead * shape.group() + row % shape.group();
        return ((long) inBatch * shape.queryWidth() + (long) head * shape.headDim()) * Float.BYTES;
    }
}
