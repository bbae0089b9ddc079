package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// The layout of the keys and values of 32 consecutive positions of one layer:
///
/// ```
/// keys    [keyValueHeads][headDim][32 positions]
/// values  [keyValueHeads][ceil(headDim / 32)][32 positions][32]
/// ```
///
/// In 8 bits, scales follow the numbers of a head ([KeyValueIntegers]).
///
/// Both are panels like those of a [Matrix]: scores are queries times a panel of `headDim` inputs, and the weighted sum
/// of values is probabilities times panels of 32 inputs. Blocks start at multiples of 32 positions of the sequence, so
/// the order of every sum depends on positions alone, and not on how a prompt was cut.
///
/// Attention multiplies the values of positions that a sequence has not reached by 0, so the numbers there must be
/// finite.
public final class KeyValueBlock {
    /// The number of positions in a block.
    public static final int TOKENS = Matrix.PANEL;

    private KeyValueBlock() {}

    /// The size of a block in bytes.
    public static long bytes(AttentionShape shape, KeyValueFormat format) {
        return shape.keyValueHeads() * (keyBytes(shape, format) + valueBytes(shape, format));
    }

    /// Sets the values of the positions from `slot` on to zero, in a block that another sequence used before.
    ///
    /// @param buffers those of the block
    public static void clearValues(
            Buffers buffers, AttentionShape shape, KeyValueFormat format, MemorySegment block, int slot) {
        if (!buffers.needsZeros()) {
            return;
        }
        if (format == KeyValueFormat.INT8) {
            for (int head = 0; head < shape.keyValueHeads(); head++) {
                MemorySegment values = block.asSlice(valueOffset(shape, format, head), valueBytes(shape, format));
                KeyValueIntegers.clearValues(buffers, values, shape.headDim(), slot);
            }
            return;
        }
        long values = shape.keyValueHeads() * keyBytes(shape, format);
        long panel = (long) TOKENS * Matrix.PANEL * format.bytes();
        long from = (long) slot * Matrix.PANEL * format.bytes();
        for (long at = values; at < bytes(shape, format); at += panel) {
            buffers.clear(block.asSlice(at + from, panel - from));
        }
    }

    /// Writes the keys and values of a batch into the blocks of its spans.
    ///
    /// @param keys `[tokens of the batch, keyValueWidth]`, after rotary embedding; [Operands#rows] has checked both
    /// @param values `[tokens of the batch, keyValueWidth]`
    public static void store(
            ThreadTeam team,
            AttentionShape shape,
            List<AttentionSpan> spans,
            MemorySegment keys,
            MemorySegment values) {
        long k = keys.address();
        long v = values.address();
        List<Part> parts = parts(spans);
        team.run(parts.size(), (part, worker) -> store(shape, parts.get(part), k, v));
    }

    /// The positions of a span that lie in one block.
    ///
    /// @param block index of the block among the span's
    public record Part(AttentionSpan span, int block) {
        /// The place of the first position in the block.
        public int slot() {
            return first() % TOKENS;
        }

        /// The number of positions.
        public int tokens() {
            return Math.min(span.position() + span.tokens(), (block + 1) * TOKENS) - first();
        }

        /// The row of the first position in the batch.
        public int row() {
            return span.row() + first() - span.position();
        }

        /// The address of the block, whose size is checked.
        public long address(AttentionShape shape) {
            return Memory.addressOfBytes(span.blocks().get(block), bytes(shape, span.format()));
        }

        private int first() {
            return Math.max(span.position(), block * TOKENS);
        }
    }

    /// Cuts spans into parts, each of which lies in one block. No two have the same positions of a block, so
    /// threads may write them at the same time.
    public static List<Part> parts(List<AttentionSpan> spans) {
        return spans.stream().flatMap(KeyValueBlock::parts).toList();
    }

    private static Stream<Part> parts(AttentionSpan span) {
        int last = (span.position() + span.tokens() - 1) / TOKENS;
        return IntStream.rangeClosed(span.position() / TOKENS, last).mapToObj(block -> new Part(span, block));
    }

    private static void store(AttentionShape shape, Part part, long keys, long values) {
        KeyValueFormat format = part.span().format();
        int bytes = format.bytes();
        long block = part.address(shape);
        for (int token = 0; token < part.tokens(); token++) {
            int slot = part.slot() + token;
            long row = (long) (part.row() + token) * shape.keyValueWidth();
            for (int head = 0; head < shape.keyValueHeads(); head++) {
                long from = (row + (long) head * shape.headDim()) * Float.BYTES;
                if (format == KeyValueFormat.INT8) {
                    KeyValueIntegers.write(
                            block + keyOffset(shape, format, head),
                            block + valueOffset(shape, format, head),
                            slot,
                            numbers(keys + from, shape.headDim()),
                            numbers(values + from, shape.headDim()));
                    continue;
                }
                long key = block + keyOffset(shape, format, head) + format.offset(slot);
                long value = block + valueOffset(shape, format, head) + (long) slot * Matrix.PANEL * bytes;
                for (int i = 0; i < shape.headDim(); i++) {
                    long offset = (long) i * Float.BYTES;
                    format.set(key + (long) i * TOKENS * bytes, Memory.getFloat(keys + from + offset));
                    long panel = (long) (i / Matrix.PANEL) * TOKENS * Matrix.PANEL * bytes;
                    long column = format.offset(i % Matrix.PANEL);
                    format.set(value + panel + column, Memory.getFloat(values + from + offset));
                }
            }
        }
    }

    private static float[] numbers(long from, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = Memory.getFloat(from + (long) i * Float.BYTES);
        }
        return numbers;
    }

    /// The offset of a head's key panel in a block, in bytes.
    public static long keyOffset(AttentionShape shape, KeyValueFormat format, int head) {
        return head * keyBytes(shape, format);
    }

    /// The offset of a head's value panels in a block, in bytes.
    public static long valueOffset(AttentionShape shape, KeyValueFormat format, int head) {
        return shape.keyValueHeads() * keyBytes(shape, format) + head * valueBytes(shape, format);
    }

    private static long keyBytes(AttentionShape shape, KeyValueFormat format) {
        return switch (format) {
            case F32, BF16 -> (long) shape.headDim() * TOKENS * format.bytes();
            case INT8 -> KeyValueIntegers.keyBytes(shape.headDim());
        };
    }

    private static long valueBytes(AttentionShape shape, KeyValueFormat format) {
        return switch (format) {
            case F32, BF16 -> (long) Matrix.panelCount(shape.headDim()) * TOKENS * Matrix.PANEL * format.bytes();
            case INT8 -> KeyValueIntegers.valueBytes(shape.headDim());
        };
    }
}
