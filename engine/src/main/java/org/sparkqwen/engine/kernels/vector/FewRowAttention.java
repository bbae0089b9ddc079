package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Computes attention like [VectorAttention], for a tile of few rows, such as a text that is continued by one token.
/// The keys are the panels of the scores' product, as they lie in their block, and a vector holds one query's scores
/// with many keys. With queries as panels most of each vector would be empty.
///
/// Such a tile is limited by memory, so four blocks' keys are read at once, and a block's values are read by four
/// panels ([MicroKernel#accumulateRows]).
///
/// The bits are the same, because a score is the same chain of multiply-adds, and probabilities are added one by one in
/// the order of keys.
final class FewRowAttention {
    /// The most rows of such a tile. With more rows a panel of queries is as good.
    static final int ROWS = 8;

    /// The number of blocks whose keys are read at once.
    private static final int BLOCKS = 4;

    private static final int KEYS = BLOCKS * PANEL;

    private float[] queries = new float[0]; // [rows][headDim]
    private float[] weighted = new float[0]; // [rows][value width]: the sum of values so far
    private MemorySegment widened = MemorySegment.NULL; // [4 blocks]: keys or values of 8 bits, in float32
    private final float[] scores = new float[ROWS * KEYS]; // [rows][4 blocks][32 keys], then probabilities
    private final float[] sums = new float[ROWS]; // the sum of probabilities so far
    private final float[] maxima = new float[ROWS]; // the greatest score so far
    private final float[] corrections = new float[ROWS]; // exp(the maximum before a block − the one after)

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, `[tokens, heads, headDim]`
    void attend(AttentionShape shape, AttentionTile tile, long in, long out, float scale) {
        int headDim = shape.headDim();
        int valueWidth = Matrix.panelCount(headDim) * PANEL;
        int rows = tile.rows(shape);
        reset(rows, headDim, valueWidth);
        for (int row = 0; row < rows; row++) {
            VectorKernels.read(in + tile.offset(shape, row), queries, row * headDim, headDim);
        }

        int blocks = (tile.position() + tile.tokens() - 1) / PANEL + 1;
        for (int first = 0; first < blocks; first += BLOCKS) {
            int count = Math.min(BLOCKS, blocks - first);
            score(shape, tile, rows, first, count);
            for (int i = 0; i < count; i++) {
                for (int row = 0; row < rows; row++) {
                    int visible = tile.position() + row / shape.group() + 1 - (first + i) * PANEL;
                    softmax(row, row * KEYS + i * PANEL, Math.clamp(visible, 0, PANEL), scale, valueWidth);
                }
                addValues(shape, tile, rows, first + i, i, valueWidth);
            }
        }
        for (int row = 0; row < rows; row++) {
            scale(weighted, row * valueWidth, valueWidth, 1f / sums[row]);
            addZero(row * valueWidth, valueWidth);
            VectorKernels.write(weighted, row * valueWidth, headDim, out + tile.offset(shape, row));
        }
    }

    private void reset(int rows, int headDim, int valueWidth) {
        if (queries.length < ROWS * headDim) {
            widened = Arena.ofAuto().allocate(BLOCKS * wideBytes(headDim), (long) Float.BYTES * LANES);
            queries = new float[ROWS * headDim];
            weighted = new float[ROWS * valueWidth];
        }
        Arrays.fill(weighted, 0, rows * valueWidth, 0f);
        Arrays.fill(sums, 0f);
        Arrays.fill(maxima, Float.NEGATIVE_INFINITY);
    }

    /// Computes the products of all rows with the keys of `count` blocks. If there are fewer than four, it reads
    /// the last one again in their place.
    private void score(AttentionShape shape, AttentionTile tile, int rows, int first, int count) {
        MicroKernel kernel = MicroKernel.of(tile.span().format().multiplied());
        int headDim = shape.headDim();
        Arrays.fill(scores, 0, rows * KEYS, 0f);
        long keys0 = keys(shape, tile, first, 0);
        long keys1 = keys(shape, tile, first, Math.min(1, count - 1));
        long keys2 = keys(shape, tile, first, Math.min(2, count - 1));
        long keys3 = keys(shape, tile, first, Math.min(3, count - 1));
        kernel.accumulateRows(keys0, keys1, keys2, keys3, headDim, queries, 0, headDim, rows, scores, 0, KEYS);
    }

    /// The address of the keys of a block, which are widened first if they are integers.
    ///
    /// @param first index of the first block of those that are read at once
    /// @param index index of the block among these
    private long keys(AttentionShape shape, AttentionTile tile, int first, int index) {
        KeyValueFormat format = tile.span().format();
        long stored = address(shape, tile, first + index) + KeyValueBlock.keyOffset(shape, format, tile.keyValueHead());
        long to = widened.address() + index * wideBytes(shape.headDim());
        return ReadableKeyValues.keys(format, shape.headDim(), stored, to);
    }

    /// The bytes of a block's keys or values of one head in float32.
    private static long wideBytes(int headDim) {
        return (long) Matrix.panelCount(headDim) * PANEL * PANEL * Float.BYTES;
    }

    private static long address(AttentionShape shape, AttentionTile tile, int block) {
        AttentionSpan span = tile.span();
        return Memory.addressOfBytes(span.blocks().get(block), KeyValueBlock.bytes(shape, span.format()));
    }

    /// Turns a row's scores with a block into probabilities relative to the greatest score so far, and scales
    /// earlier sums to that score.
    ///
    /// @param at index of the first score
    /// @param visible number of keys that are not past the row's position
    private void softmax(int row, int at, int visible, float scale, int valueWidth) {
        Arrays.fill(scores, at + visible, at + PANEL, Float.NEGATIVE_INFINITY);
        raiseMaximum(row, at, scale);
        exponentiate(at, maxima[row]);
        float correction = corrections[row];
        if (correction != 1f) {
            sums[row] *= correction;
            scale(weighted, row * valueWidth, valueWidth, correction);
        }
        float sum = sums[row];
        for (int i = at; i < at + PANEL; i++) {
            sum += scores[i];
        }
        sums[row] = sum;
    }

    /// Scales the scores of a row, and raises its maximum.
    private void raiseMaximum(int row, int at, float scale) {
        FloatVector greatest = FloatVector.broadcast(FLOATS, maxima[row]);
        for (int i = at; i < at + PANEL; i += LANES) {
            FloatVector score = FloatVector.fromArray(FLOATS, scores, i).mul(scale);
            score.intoArray(scores, i);
            greatest = VectorMath.greater(greatest, score);
        }
        float maximum = greatest.reduceLanes(VectorOperators.MAX);
        corrections[row] = ScalarMath.exp(maxima[row] - maximum);
        maxima[row] = maximum;
    }

    /// Turns scores into exp(score − maximum).
    private void exponentiate(int at, float maximum) {
        for (int i = at; i < at + PANEL; i += LANES) {
            VectorMath.exp(FloatVector.fromArray(FLOATS, scores, i).sub(maximum))
                    .intoArray(scores, i);
        }
    }

    /// Adds a block's values, weighted with the probabilities.
    ///
    /// @param index index of the block among those whose scores are computed
    private void addValues(AttentionShape shape, AttentionTile tile, int rows, int block, int index, int valueWidth) {
        KeyValueFormat format = tile.span().format();
        KeyValueFormat multiplied = format.multiplied();
        long stored = address(shape, tile, block) + KeyValueBlock.valueOffset(shape, format, tile.keyValueHead());
        long values = ReadableKeyValues.values(format, shape.headDim(), stored, widened.address());
        TiledProduct.accumulateRows(
                MicroKernel.of(multiplied),
                values,
                (long) PANEL * PANEL * multiplied.bytes(),
                valueWidth / PANEL,
                PANEL,
                scores,
                index * PANEL,
                KEYS,
                rows,
                weighted,
                0,
                valueWidth);
    }

    /// Replaces -0 by 0.
    private void addZero(int from, int count) {
        for (int i = from; i < from + count; i += LANES) {
            FloatVector.fromArray(FLOATS, weighted, i).add(0f).intoArray(weighted, i);
        }
    }

    private static void scale(float[] numbers, int from, int count, float factor) {
        for (int i = from; i < from + count; i += LANES) {
            FloatVector.fromArray(FLOATS, numbers, i).mul(factor).intoArray(numbers, i);
        }
    }
}
