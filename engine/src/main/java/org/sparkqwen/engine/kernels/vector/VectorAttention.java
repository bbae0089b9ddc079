package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Computes attention of a tile of queries over the key blocks of one key/value head, on the same micro-kernel as the
/// linear layers. Each thread has one instance, which holds its working memory.
///
/// The query heads of a group read the same keys, so the rows of a tile are some consecutive tokens times the heads of
/// one group. For each block of 32 keys:
///
/// 1. it computes scores, `[32 keys][rows]`: the queries are the panels of the product and the keys its activations, so
///    that a vector holds one key's scores with many queries, and softmax never adds or compares across a vector;
/// 2. it turns them in place into probabilities, relative to each query's greatest score so far, and corrects earlier
///    sums when a block raises that score;
/// 3. it adds the weighted sum of values, `[rows][headDim]`: now the probabilities are the activations, as they lie,
///    and the values the panels.
///
/// No score outlives its block.
final class VectorAttention implements AutoCloseable {
    /// The approximate number of rows of a tile: two panels of queries.
    static final int ROWS = 2 * PANEL;

    private static final long VECTOR_BYTES = (long) LANES * Float.BYTES;
    private static final float UNSEEN = Float.NEGATIVE_INFINITY;

    private Arena arena = Arena.ofShared();
    private MemorySegment queries = MemorySegment.NULL; // panels, [rows / 32][headDim][32]
    private MemorySegment scratch = MemorySegment.NULL; // of a transposition
    private MemorySegment widened = MemorySegment.NULL; // [value width][32]: keys or values of 8 bits, in float32
    private float[] keys = new float[0]; // [headDim][32]: a copy of the block's
    private float[] scores = new float[0]; // [32 keys][rows], then probabilities
    private float[] weighted = new float[0]; // [rows][value width]: the sum of values so far
    private float[] sums = new float[0]; // [rows]: the sum of probabilities so far
    private float[] maxima = new float[0]; // [rows]: the greatest score so far
    private float[] corrections = new float[0]; // [rows]: the maxima before a block, then exp(that − the one after)
    private long[] from = new long[0]; // [rows]: addresses of the queries

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, `[tokens, heads, headDim]`
    void attend(AttentionShape shape, AttentionTile tile, long in, long out, float scale) {
        int headDim = shape.headDim();
        KeyValueFormat format = tile.span().format();
        KeyValueFormat multiplied = format.multiplied();
        int rows = tile.rows(shape);
        int width = Matrix.panelCount(rows) * PANEL;
        int valueWidth = Matrix.panelCount(headDim) * PANEL;
        reset(width, headDim, valueWidth);
        packQueries(shape, tile, rows, in);

        int first = tile.span().position() + tile.token();
        int last = first + tile.tokens() - 1;
        for (int block = 0; block <= last / PANEL; block++) {
            long address = Memory.addressOfBytes(tile.span().blocks().get(block), KeyValueBlock.bytes(shape, format));
            readKeys(format, address + KeyValueBlock.keyOffset(shape, format, tile.keyValueHead()), headDim);
            long stored = address + KeyValueBlock.valueOffset(shape, format, tile.keyValueHead());
            long values = ReadableKeyValues.values(format, headDim, stored, widened.address());

            Arrays.fill(scores, 0, PANEL * width, 0f);
            for (int row = 0; row < width; row += PANEL) {
                long panel = queries.address() + (long) row * headDim * Float.BYTES;
                int key = 0;
                for (int height : Tiling.heights(PANEL)) {
                    MicroKernel.F32.accumulate(
                            panel, headDim, keys, key, PANEL, height, scores, key * width + row, width);
                    key += height;
                }
            }

            hideFuture(first, block * PANEL, shape.group(), rows, width);
            for (int row = 0; row < width; row += LANES) {
                raiseMaxima(row, width, scale);
                correctSums(row);
                exponentiate(row, width);
            }
            correct(rows, valueWidth);

            int row = 0;
            for (int height : Tiling.heights(rows)) {
                for (int column = 0; column < valueWidth; column += PANEL) {
                    long panel = values + (long) column * PANEL * multiplied.bytes();
                    int at = row * valueWidth + column;
                    MicroKernel.of(multiplied)
                            .accumulate(panel, PANEL, scores, row, width, height, weighted, at, valueWidth);
                }
                row += height;
            }
        }
        for (int row = 0; row < rows; row++) {
            writeRow(row, headDim, valueWidth, out + tile.offset(shape, row));
        }
    }

    private void readKeys(KeyValueFormat format, long from, int headDim) {
        int count = headDim * PANEL;
        switch (format) {
            case F32, INT8 -> {
                long readable = ReadableKeyValues.keys(format, headDim, from, widened.address());
                VectorKernels.read(readable, keys, 0, count);
            }
            case BF16 -> {
                for (int row = 0; row < count; row += PANEL) {
                    widenRow(from + (long) row * Short.BYTES, row);
                }
            }
        }
    }

    /// Widens the 32 keys of one input, and brings them from the order of `Bf16Panels` into their own.
    private void widenRow(long from, int at) {
        for (int key = 0; key < PANEL / 2; key += LANES) {
            FloatVector words = OuterProduct.load(from + (long) key * Float.BYTES);
            OuterProduct.lowHalves(words).intoArray(keys, at + key);
            OuterProduct.highHalves(words).intoArray(keys, at + PANEL / 2 + key);
        }
    }

    private void reset(int width, int headDim, int valueWidth) {
        long queryBytes = (long) width * headDim * Float.BYTES;
        if (queries.byteSize() < queryBytes) {
            arena.close();
            arena = Arena.ofShared();
            queries = arena.allocate(queryBytes, VECTOR_BYTES);
            scratch = arena.allocate(Transposition.SCRATCH_BYTES, VECTOR_BYTES);
            widened = arena.allocate((long) valueWidth * PANEL * Float.BYTES, VECTOR_BYTES);
        }
        if (weighted.length < width * valueWidth || scores.length < width * PANEL) {
            scores = new float[width * PANEL];
            weighted = new float[width * valueWidth];
            sums = new float[width];
            maxima = new float[width];
            corrections = new float[width];
            from = new long[width];
        }
        if (keys.length < headDim * PANEL) {
            keys = new float[headDim * PANEL];
        }
        Arrays.fill(weighted, 0, width * valueWidth, 0f);
        Arrays.fill(sums, 0, width, 0f);
        Arrays.fill(maxima, 0, width, UNSEEN);
    }

    /// Packs the queries into panels. Rows past the last keep old contents: their scores are computed, and never
    /// read.
    private void packQueries(AttentionShape shape, AttentionTile tile, int rows, long in) {
        int headDim = shape.headDim();
        for (int row = 0; row < rows; row++) {
            from[row] = in + tile.offset(shape, row);
        }
        int squares = 0;
        int inputs = 0;
        if (Transposition.POSSIBLE) {
            squares = rows - rows % Transposition.SQUARE;
            inputs = headDim - headDim % Transposition.SQUARE;
            for (int row = 0; row < squares; row += Transposition.SQUARE) {
                for (int i = 0; i < inputs; i += Transposition.SQUARE) {
                    Transposition.square(
                            from,
                            row,
                            (long) i * Float.BYTES,
                            scratch.address(),
                            queryAddress(headDim, row, i),
                            PANEL * Float.BYTES);
                }
            }
        }
        for (int row = 0; row < rows; row++) {
            for (int i = row < squares ? inputs : 0; i < headDim; i++) {
                Memory.setFloat(queryAddress(headDim, row, i), Memory.getFloat(from[row] + (long) i * Float.BYTES));
            }
        }
    }

    private long queryAddress(int headDim, int row, int input) {
        return queries.address() + (((long) row / PANEL * headDim + input) * PANEL + row % PANEL) * Float.BYTES;
    }

    /// Gives keys past a row's position the score of probability 0. Rows are in the order of positions, so a key is
    /// hidden from the first few.
    ///
    /// @param first position of the tile's first token
    /// @param position position of the block's first key
    private void hideFuture(int first, int position, int group, int rows, int width) {
        for (int key = 0; key < PANEL; key++) {
            int hidden = Math.clamp((long) (position + key - first) * group, 0, rows);
            Arrays.fill(scores, key * width, key * width + hidden, UNSEEN);
        }
    }

    // The softmax of a vector of rows is cut into three methods, because the compiler inlines exp only into a loop of
    // this size that calls nothing else. If exp stays a call, it allocates its arguments and takes four times as long.

    /// Scales the scores of a vector of rows, and raises the rows' maxima.
    private void raiseMaxima(int row, int width, float scale) {
        FloatVector maximum = FloatVector.fromArray(FLOATS, maxima, row);
        maximum.intoArray(corrections, row);
        for (int key = 0; key < PANEL; key++) {
            int at = key * width + row;
            FloatVector score = FloatVector.fromArray(FLOATS, scores, at).mul(scale);
            score.intoArray(scores, at);
            maximum = VectorMath.greater(maximum, score);
        }
        maximum.intoArray(maxima, row);
    }

    /// Scales the sums of a vector of rows to the new maxima.
    private void correctSums(int row) {
        FloatVector before = FloatVector.fromArray(FLOATS, corrections, row);
        FloatVector correction = VectorMath.exp(before.sub(FloatVector.fromArray(FLOATS, maxima, row)));
        FloatVector.fromArray(FLOATS, sums, row).mul(correction).intoArray(sums, row);
        correction.intoArray(corrections, row);
    }

    /// Turns the scores of a vector of rows into exp(score − maximum), and adds them to the rows' sums.
    private void exponentiate(int row, int width) {
        FloatVector maximum = FloatVector.fromArray(FLOATS, maxima, row);
        FloatVector sum = FloatVector.fromArray(FLOATS, sums, row);
        for (int key = 0; key < PANEL; key++) {
            int at = key * width + row;
            FloatVector probability =
                    VectorMath.exp(FloatVector.fromArray(FLOATS, scores, at).sub(maximum));
            probability.intoArray(scores, at);
            sum = sum.add(probability);
        }
        sum.intoArray(sums, row);
    }

    /// Scales the weighted values of rows whose maximum rose to the new maximum.
    private void correct(int rows, int valueWidth) {
        for (int row = 0; row < rows; row++) {
            float correction = corrections[row];
            if (correction != 1f) {
                for (int i = row * valueWidth; i < (row + 1) * valueWidth; i += LANES) {
                    FloatVector.fromArray(FLOATS, weighted, i).mul(correction).intoArray(weighted, i);
                }
            }
        }
    }

    private void writeRow(int row, int headDim, int valueWidth, long to) {
        float inverse = 1f / sums[row];
        for (int i = row * valueWidth; i < (row + 1) * valueWidth; i += LANES) {
            FloatVector.fromArray(FLOATS, weighted, i).mul(inverse).add(0f).intoArray(weighted, i);
        }
        VectorKernels.write(weighted, row * valueWidth, headDim, to);
    }

    @Override
    public void close() {
        arena.close();
    }
}
