package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

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

    /// Writes the keys and values of a span's tokens into its blocks.
    ///
    /// @param keys `[tokens of the batch, keyValueWidth]`, after rotary embedding
    /// @param values `[tokens of the batch, keyValueWidth]`
    public static void store(AttentionShape shape, AttentionSpan span, MemorySegment keys, MemorySegment values) {
        int width = shape.keyValueWidth();
        float[] key = new float[width];
        float[] value = new float[width];
        for (int token = 0; token < span.tokens(); token++) {
            long row = (long) (span.row() + token) * width * Float.BYTES;
            MemorySegment.copy(keys, JAVA_FLOAT, row, key, 0, width);
            MemorySegment.copy(values, JAVA_FLOAT, row, value, 0, width);
            int position = span.position() + token;
            MemorySegment block = span.blocks().get(position / TOKENS);
            int slot = position % TOKENS;
            for (int head = 0; head < shape.keyValueHeads(); head++) {
                long keyStart = keyOffset(shape, head) + slot;
                long valueStart = valueOffset(shape, head) + (long) slot * Matrix.PANEL;
                for (int i = 0; i < shape.headDim(); i++) {
                    int from = head * shape.headDim() + i;
                    block.setAtIndex(JAVA_FLOAT, keyStart + (long) i * TOKENS, key[from]);
                    long to = valueStart + (long) (i / Matrix.PANEL) * TOKENS * Matrix.PANEL + i % Matrix.PANEL;
                    block.setAtIndex(JAVA_FLOAT, to, value[from]);
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
