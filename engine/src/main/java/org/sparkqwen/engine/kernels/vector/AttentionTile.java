package org.sparkqwen.engine.kernels.vector;

import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;

/// The queries that attention computes at once: those of `tokens` tokens from `token` of a span, for the heads that
/// share `keyValueHead`. Its rows are ordered by token, and within a token by the heads of the group.
public record AttentionTile(AttentionSpan span, int token, int tokens, int keyValueHead) {
    /// Cuts spans into tiles. The tiles of a head follow each other, so its keys and values stay in the cache.
    ///
    /// @param rows the most rows of a tile, unless one token has more
    static List<AttentionTile> cut(AttentionShape shape, List<AttentionSpan> spans, int rows) {
        int height = Math.max(1, rows / shape.group());
        List<AttentionTile> tiles = new ArrayList<>();
        for (AttentionSpan span : spans) {
            for (int head = 0; head < shape.keyValueHeads(); head++) {
                for (int token = 0; token < span.tokens(); token += height) {
                    tiles.add(new AttentionTile(span, token, Math.min(height, span.tokens() - token), head));
                }
            }
        }
        return tiles;
    }

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
