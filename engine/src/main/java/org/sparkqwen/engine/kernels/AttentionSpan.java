package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// Consecutive tokens of one sequence that attend in one call. They are rows `row` to `row + tokens - 1` of the batch,
/// and positions `position` to `position + tokens - 1` of the sequence.
///
/// @param row the first token's row in the batch
/// @param tokens number of tokens
/// @param position the first token's position in its sequence
/// @param format number format of the blocks
/// @param blocks keys and values of positions 0 to `position + tokens - 1`, as [KeyValueBlock] lays them out; block `i`
///     holds positions `32 i` to `32 i + 31`
public record AttentionSpan(int row, int tokens, int position, KeyValueFormat format, List<MemorySegment> blocks) {
    public AttentionSpan {
        if (row < 0 || tokens < 0 || position < 0) {
            throw new IllegalArgumentException(
                    "%d tokens from row %d, at position %d".formatted(tokens, row, position));
        }
        int needed = Math.ceilDiv(position + tokens, KeyValueBlock.TOKENS);
        if (blocks.size() < needed) {
            throw new IllegalArgumentException(
                    "%d key/value blocks for %d positions".formatted(blocks.size(), position + tokens));
        }
    }

    /// The number of rows of a batch that consists of `spans`.
    public static int rows(List<AttentionSpan> spans) {
        return spans.stream().mapToInt(span -> span.row() + span.tokens()).max().orElse(0);
    }
}
