package org.sparkqwen.engine.kernels;

import static org.sparkqwen.engine.kernels.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.OuterProduct.LANES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// [VectorAttention] for a tile of few rows, as a text has that is continued by one token: the keys are the panels of
/// the scores' product, as they lie in their block, and a vector holds one query's scores with many keys. With queries
/// as panels most of each vector would be empty.
///
/// The bits are the same: a score is the same chain of multiply-adds, and probabilities are added one by one in the
/// order of keys.
final class FewRowAttention {
    /// Rows of a tile at most; then a panel of queries is as good.
    static final int ROWS = 8;

    /// Rows come in fours, the height of a tile; those past the last are zeros, computed and not read.
    private static final int STEP = 4;

    private float[] queries = new float[0]; // [headDim][rows]
    private float[] weighted = new float[0]; // [rows][value width]: the sum of values so far
    private final float[] scores = new float[ROWS * PANEL]; // [rows][32 keys], then probabilities
    private final float[] probabilities = new float[PANEL * ROWS]; // [32 keys][rows]
    private final float[] sums = new float[ROWS]; // the sum of probabilities so far
    private final float[] maxima = new float[ROWS]; // the greatest score so far
    private final float[] corrections = new float[ROWS]; // exp(the maximum before a block − the one after)

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, likewise
    void attend(AttentionShape shape, AttentionTile tile, long in, long out, float scale) {
        KeyValueFormat format = tile.span().format();
        MicroKernel kernel = format.kernel();
        int headDim = shape.headDim();
        int valueWidth = Matrix.panelCount(headDim) * PANEL;
        int count = tile.rows(shape);
        int rows = Math.ceilDiv(count, STEP) * STEP;
        reset(rows, headDim, valueWidth);
        readQueries(shape, tile, count, rows, in);

        int last = tile.position() + tile.tokens() - 1;
        for (int block = 0; block <= last / PANEL; block++) {
            long address = Memory.addressOfBytes(tile.span().blocks().get(block), KeyValueBlock.bytes(shape, format));
            long keys = address + KeyValueBlock.keyOffset(shape, format, tile.keyValueHead());
            long values = address + KeyValueBlock.valueOffset(shape, format, tile.keyValueHead());

            Arrays.fill(scores, 0, rows * PANEL, 0f);
            for (int row = 0, height; row < rows; row += height) {
                height = OuterProduct.tileHeight(rows - row);
                kernel.accumulate(keys, headDim, queries, row, rows, height, scores, row * PANEL, PANEL);
            }
            for (int row = 0; row < count; row++) {
                int visible = tile.position() + row / shape.group() + 1 - block * PANEL;
                hideFuture(row, Math.clamp(visible, 0, PANEL));
                raiseMaximum(row, scale);
                exponentiate(row);
                correct(row, valueWidth);
            }
            addProbabilities(rows);
            for (int row = 0, height; row < rows; row += height) {
                height = OuterProduct.tileHeight(rows - row);
                for (int column = 0; column < valueWidth; column += PANEL) {
                    long panel = values + (long) column * PANEL * format.bytes();
                    int at = row * valueWidth + column;
                    kernel.accumulate(panel, PANEL, probabilities, row, rows, height, weighted, at, valueWidth);
                }
            }
        }
        for (int row = 0; row < count; row++) {
            scale(weighted, row * valueWidth, valueWidth, 1f / sums[row]);
            VectorKernels.write(weighted, row * valueWidth, headDim, out + tile.offset(shape, row));
        }
    }

    private void reset(int rows, int headDim, int valueWidth) {
        if (queries.length < headDim * ROWS) {
            queries = new float[headDim * ROWS];
            weighted = new float[ROWS * valueWidth];
        }
        Arrays.fill(weighted, 0, rows * valueWidth, 0f);
        Arrays.fill(sums, 0f);
        Arrays.fill(maxima, Float.NEGATIVE_INFINITY);
    }

    private void readQueries(AttentionShape shape, AttentionTile tile, int count, int rows, long in) {
        Arrays.fill(queries, 0, shape.headDim() * rows, 0f);
        for (int row = 0; row < count; row++) {
            long from = in + tile.offset(shape, row);
            for (int i = 0; i < shape.headDim(); i++) {
                queries[i * rows + row] = Memory.getFloat(from + (long) i * Float.BYTES);
            }
        }
    }

    /// Scores of keys past a row's position become those of a probability of 0.
    private void hideFuture(int row, int visible) {
        Arrays.fill(scores, row * PANEL + visible, (row + 1) * PANEL, Float.NEGATIVE_INFINITY);
    }

    /// Scales the scores of a row, and raises its maximum.
    private void raiseMaximum(int row, float scale) {
        FloatVector greatest = FloatVector.broadcast(FLOATS, maxima[row]);
        for (int i = row * PANEL; i < (row + 1) * PANEL; i += LANES) {
            FloatVector score = FloatVector.fromArray(FLOATS, scores, i).mul(scale);
            score.intoArray(scores, i);
            greatest = VectorMath.greater(greatest, score);
        }
        float maximum = greatest.reduceLanes(VectorOperators.MAX);
        corrections[row] = ScalarMath.exp(maxima[row] - maximum);
        maxima[row] = maximum;
    }

    /// Turns the scores of a row into exp(score − maximum).
    private void exponentiate(int row) {
        FloatVector maximum = FloatVector.broadcast(FLOATS, maxima[row]);
        for (int i = row * PANEL; i < (row + 1) * PANEL; i += LANES) {
            VectorMath.exp(FloatVector.fromArray(FLOATS, scores, i).sub(maximum))
                    .intoArray(scores, i);
        }
    }

    /// Brings what was summed for a row to its new maximum.
    private void correct(int row, int valueWidth) {
        if (corrections[row] != 1f) {
            sums[row] *= corrections[row];
            scale(weighted, row * valueWidth, valueWidth, corrections[row]);
        }
    }

    private static void scale(float[] numbers, int from, int count, float factor) {
        for (int i = from; i < from + count; i += LANES) {
            FloatVector.fromArray(FLOATS, numbers, i).mul(factor).intoArray(numbers, i);
        }
    }

    /// Adds a block's probabilities to the rows' sums, four rows at a time for their chains to overlap, and lays
    /// them out as the activations of the product with the values.
    private void addProbabilities(int rows) {
        for (int row = 0; row < rows; row += STEP) {
            float sum0 = sums[row];
            float sum1 = sums[row + 1];
            float sum2 = sums[row + 2];
            float sum3 = sums[row + 3];
            for (int key = 0; key < PANEL; key++) {
                float p0 = scores[row * PANEL + key];
                float p1 = scores[(row + 1) * PANEL + key];
                float p2 = scores[(row + 2) * PANEL + key];
                float p3 = scores[(row + 3) * PANEL + key];
                sum0 += p0;
                sum1 += p1;
                sum2 += p2;
                sum3 += p3;
                int at = key * rows + row;
                probabilities[at] = p0;
                probabilities[at + 1] = p1;
                probabilities[at + 2] = p2;
                probabilities[at + 3] = p3;
            }
            sums[row] = sum0;
            sums[row + 1] = sum1;
            sums[row + 2] = sum2;
            sums[row + 3] = sum3;
        }
    }
}
