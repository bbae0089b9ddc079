package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// The layout of the keys and values of 32 consecutive positions of one layer:
///
/// ```
/// keys    [keyValueHeads][headDim][32 positions]
/// values  [keyValueHeads][ceil(headDim / 32)][32 positions][32]
/// ```
///
/// Both are panels as a [Matrix] has them: scores are queries times a panel of `headDim` inputs, and the weighted sum
/// of values is probabilities times panels of 32 inputs. Blocks start at multiples of 32 positions of the sequence, so
/// the order of every sum depends on positions alone, not on how a prompt was cut.
public final class KeyValueBlock {
    /// Positions in a block.
    public static final int TOKENS = Matrix.PANEL;

    private KeyValueBlock() {}

    /// Floats in a block.
    public static long floats(AttentionShape shape) {
        return (long) shape.keyValueHeads() * (keyFloats(shape) + valueFloats(shape));
    }

    /// Writes the keys and values of a batch into the blocks of its spans.
    ///
    /// @param keys `[tokens of the batch, keyValueWidth]`, after rotary embedding
    /// @param values `[tokens of the batch, keyValueWidth]`
    static void store(
            ThreadTeam team,
            AttentionShape shape,
            List<AttentionSpan> spans,
            MemorySegment keys,
            MemorySegment values) {
        long floats = (long) AttentionSpan.rows(spans) * shape.keyValueWidth();
        long k = Memory.address(keys, floats);
        long v = Memory.address(values, floats);
        for (AttentionSpan span : spans) {
            int first = span.position() / TOKENS;
            int blocks = (span.position() + span.tokens() - 1) / TOKENS - first + 1;
            team.run(blocks, (part, worker) -> storeBlock(shape, span, first + part, k, v));
        }
    }

    private static void storeBlock(AttentionShape shape, AttentionSpan span, int index, long keys, long values) {
        long block = Memory.address(span.blocks().get(index), floats(shape));
        int end = Math.min(span.position() + span.tokens(), (index + 1) * TOKENS);
        for (int position = Math.max(span.position(), index * TOKENS); position < end; position++) {
            int slot = position % TOKENS;
            long row = (long) (span.row() + position - span.position()) * shape.keyValueWidth();
            for (int head = 0; head < shape.keyValueHeads(); head++) {
                long from = (row + (long) head * shape.headDim()) * Float.BYTES;
                long key = block + (keyOffset(shape, head) + slot) * Float.BYTES;
                long value = block + (valueOffset(shape, head) + (long) slot * Matrix.PANEL) * Float.BYTES;
                for (int i = 0; i < shape.headDim(); i++) {
                    long offset = (long) i * Float.BYTES;
                    Memory.setFloat(key + offset * TOKENS, Memory.getFloat(keys + from + offset));
                    long panel = (long) (i / Matrix.PANEL) * TOKENS * Matrix.PANEL * Float.BYTES;
                    long column = (long) (i % Matrix.PANEL) * Float.BYTES;
                    Memory.setFloat(value + panel + column, Memory.getFloat(values + from + offset));
                }
            }
        }
    }

    /// Where a head's key panel starts, in floats.
    static long keyOffset(AttentionShape shape, int head) {
        return head * keyFloats(shape);
    }

    /// Where a head's value panels start, in floats.
    static long valueOffset(AttentionShape shape, int head) {
        return shape.keyValueHeads() * keyFloats(shape) + head * valueFloats(shape);
    }

    private static long keyFloats(AttentionShape shape) {
        return (long) shape.headDim() * TOKENS;
    }

    private static long valueFloats(AttentionShape shape) {
        return (long) Matrix.panelCount(shape.headDim()) * TOKENS * Matrix.PANEL;
    }
}
