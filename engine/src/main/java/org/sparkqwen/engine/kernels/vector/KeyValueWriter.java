package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.sparkqwen.engine.kernels.KeyValueBlock.TOKENS;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.KeyValueIntegers;
import org.sparkqwen.engine.kernels.format.Memory;

/// Writes keys and values into blocks. Each thread has one instance, which holds its working memory.
///
/// Values are copied row by row. Keys are transposed, 16 positions by 16 numbers at a time. A few positions, as of a
/// text that is continued by one token, are written number by number, because each number has a cache line of its own.
final class KeyValueWriter {
    private static final int SQUARE = Transposition.SQUARE;
    private static final int HALF = PANEL / 2;
    private static final long FLOAT = Float.BYTES;
    private static final long PANEL_ROW = PANEL * FLOAT;
    private static final int UPPER_HALF = 0xffff0000;

    /// The bit that makes a NaN a quiet one, which rounding must not turn into infinity.
    private static final int QUIET = 0x0040_0000;

    private final MemorySegment memory =
            Arena.ofAuto().allocate(Transposition.SCRATCH_BYTES + SQUARE * PANEL_ROW, SQUARE * FLOAT);
    private final long scratch = memory.address(); // of a transposition
    private final long wide = scratch + Transposition.SCRATCH_BYTES; // [16 numbers][32 positions] in float32
    private final long[] from = new long[TOKENS]; // addresses of the positions' keys
    private final MemorySegment bytes = Arena.ofAuto().allocate(IntegerProduct.GROUP); // of a position's numbers

    /// @param keys address of the batch's keys, `[tokens of the batch, keyValueWidth]`
    /// @param values address of the batch's values, `[tokens of the batch, keyValueWidth]`
    void write(AttentionShape shape, KeyValueBlock.Part part, long keys, long values) {
        KeyValueFormat format = part.span().format();
        long block = part.address(shape);
        int headDim = shape.headDim();
        long stride = shape.keyValueWidth() * FLOAT;
        for (int head = 0; head < shape.keyValueHeads(); head++) {
            long skip = part.row() * stride + FLOAT * head * headDim;
            for (int token = 0; token < part.tokens(); token++) {
                from[token] = keys + skip + token * stride;
            }
            if (format == KeyValueFormat.INT8) {
                writeIntegers(shape, part, head, block, values + skip);
                continue;
            }
            writeKeys(format, part, headDim, block + KeyValueBlock.keyOffset(shape, format, head));
            long row = block + KeyValueBlock.valueOffset(shape, format, head) + part.slot() * panelRow(format);
            for (int token = 0; token < part.tokens(); token++) {
                writeValues(format, values + skip + token * stride, headDim, row + token * panelRow(format));
            }
        }
    }

    /// Writes what [KeyValueIntegers] describes.
    ///
    /// @param values address of the head's values of the part's first position
    private void writeIntegers(AttentionShape shape, KeyValueBlock.Part part, int head, long block, long values) {
        int headDim = shape.headDim();
        long keysTo = block + KeyValueBlock.keyOffset(shape, KeyValueFormat.INT8, head);
        long valuesTo = block + KeyValueBlock.valueOffset(shape, KeyValueFormat.INT8, head);
        long integers = bytes.address();
        for (int token = 0; token < part.tokens(); token++) {
            int slot = part.slot() + token;
            long value = values + FLOAT * token * shape.keyValueWidth();
            for (int i = 0; i < headDim; i += IntegerProduct.GROUP) {
                int count = Math.min(IntegerProduct.GROUP, headDim - i);
                float scale = QuantizedRows.round(from[token] + i * FLOAT, count, integers);
                Memory.setFloat(keysTo + KeyValueIntegers.keyScales(headDim) + KeyValueIntegers.scale(i, slot), scale);
                for (int j = 0; j < count; j++) {
                    setSigned(integers + j, keysTo + (long) (i + j) * TOKENS + slot);
                }
                scale = QuantizedRows.round(value + i * FLOAT, count, integers);
                Memory.setFloat(
                        valuesTo + KeyValueIntegers.valueScales(headDim) + KeyValueIntegers.scale(i, slot), scale);
                for (int j = 0; j < count; j++) {
                    setSigned(integers + j, valuesTo + KeyValueIntegers.value(i + j, slot));
                }
            }
        }
    }

    /// Copies a byte of [QuantizedRows] as an integer with a sign.
    private static void setSigned(long from, long to) {
        Memory.ALL.set(JAVA_BYTE, to, (byte) (Memory.ALL.get(JAVA_BYTE, from) - QuantizedRows.ZERO));
    }

    private static long panelRow(KeyValueFormat format) {
        return (long) PANEL * format.bytes();
    }

    /// @param to address of the head's keys in the block, `[headDim][32 positions]`
    private void writeKeys(KeyValueFormat format, KeyValueBlock.Part part, int headDim, long to) {
        int tokens = part.tokens();
        int inputs = headDim - headDim % SQUARE;
        int squares = switch (format) {
            case F32 -> tokens - tokens % SQUARE;
            case BF16 -> tokens == TOKENS ? TOKENS : 0; // positions 0 and 16 share a word
            case INT8 -> throw new IllegalStateException("integers are written by themselves");
        };
        if (!Transposition.POSSIBLE) {
            squares = 0;
        }
        if (squares > 0) {
            for (int i = 0; i < inputs; i += SQUARE) {
                switch (format) {
                    case F32 -> transpose(squares, i, to + i * PANEL_ROW + part.slot() * FLOAT);
                    case BF16 -> {
                        transpose(squares, i, wide);
                        round(to + i * panelRow(format));
                    }
                    case INT8 -> throw new IllegalStateException("integers are written by themselves");
                }
            }
        }
        for (int token = 0; token < tokens; token++) {
            long column = to + format.offset(part.slot() + token);
            for (int i = token < squares ? inputs : 0; i < headDim; i++) {
                format.set(column + i * panelRow(format), Memory.getFloat(from[token] + i * FLOAT));
            }
        }
    }

    /// Transposes 16 numbers, from the `first` on, of the first positions.
    private void transpose(int positions, int first, long to) {
        for (int position = 0; position < positions; position += SQUARE) {
            Transposition.square(from, position, first * FLOAT, scratch, to + position * FLOAT, PANEL_ROW);
        }
    }

    /// Rounds the transposed keys to bfloat16.
    private void round(long to) {
        for (int i = 0; i < SQUARE; i++) {
            roundRow(wide + i * PANEL_ROW, to + (long) i * PANEL * Short.BYTES);
        }
    }

    /// Rounds 32 numbers to bfloat16, in the order of a panel's row: a word has numbers i and i + 16.
    private static void roundRow(long row, long to) {
        for (int i = 0; i < HALF; i += LANES) {
            IntVector low = rounded(load(row + i * FLOAT)).lanewise(VectorOperators.LSHR, Short.SIZE);
            IntVector high = rounded(load(row + (HALF + i) * FLOAT)).and(UPPER_HALF);
            store(low.or(high).reinterpretAsFloats(), to + i * FLOAT);
        }
    }

    /// Rounds as [Bfloat16#rounded] does. The results are in the upper halves of the words.
    private static IntVector rounded(FloatVector numbers) {
        IntVector bits = numbers.reinterpretAsInts();
        IntVector odd = bits.lanewise(VectorOperators.LSHR, Short.SIZE).and(1);
        FloatVector rounded = bits.add(odd).add(0x7fff).reinterpretAsFloats();
        FloatVector quiet = bits.or(QUIET).reinterpretAsFloats();
        return rounded.blend(quiet, numbers.compare(VectorOperators.NE, numbers))
                .reinterpretAsInts();
    }

    /// @param row address of a position's values
    /// @param to address of its row in the first panel of values
    private static void writeValues(KeyValueFormat format, long row, int headDim, long to) {
        int whole = headDim - headDim % PANEL;
        long panel = TOKENS * panelRow(format);
        for (int i = 0; i < whole; i += PANEL) {
            long at = to + i / PANEL * panel;
            switch (format) {
                case F32 -> copyRow(row + i * FLOAT, at);
                case BF16 -> roundRow(row + i * FLOAT, at);
                case INT8 -> throw new IllegalStateException("integers are written by themselves");
            }
        }
        for (int i = whole; i < headDim; i++) {
            format.set(to + i / PANEL * panel + format.offset(i % PANEL), Memory.getFloat(row + i * FLOAT));
        }
    }

    private static void copyRow(long row, long to) {
        for (int i = 0; i < PANEL; i += LANES) {
            store(load(row + i * FLOAT), to + i * FLOAT);
        }
    }
}
