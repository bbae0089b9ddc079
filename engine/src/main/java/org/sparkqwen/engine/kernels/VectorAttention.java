package org.sparkqwen.engine.kernels;

import static org.sparkqwen.engine.kernels.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.OuterProduct.LANES;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Attention of a tile of queries over the key blocks of one key/value head, on the same micro-kernel as the linear
/// layers; one instance a thread, holding that thread's working memory.
///
/// The query heads of a group read the same keys, so the rows of a tile are some consecutive tokens times the heads of
/// one group. Softmax runs online: scores, sums and weighted values are kept relative to the maximum so far, and
/// corrected when a block raises it. No score outlives its block.
final class VectorAttention {
    /// The queries of `tokens` tokens from `token` of a span, for the heads that share `keyValueHead`.
    record Tile(AttentionSpan span, int token, int tokens, int keyValueHead) {}

    private float[] queries = new float[0]; // [rows][headDim], packed for the micro-kernel
    private float[] scores = new float[0]; // [rows][32]
    private float[] probabilities = new float[0]; // [rows][32], packed for the micro-kernel
    private float[] weighted = new float[0]; // [rows][value width]: the sum of values so far
    private float[] sums = new float[0]; // [rows][16]: the sum of probabilities so far, in virtual lanes
    private float[] maxima = new float[0]; // [rows]: the greatest score so far

    /// Cuts the spans into tiles of about as many rows as the micro-kernel's highest tile.
    static List<Tile> tiles(AttentionShape shape, List<AttentionSpan> spans) {
        int height = Math.max(1, OuterProduct.TILE / shape.group());
        List<Tile> tiles = new ArrayList<>();
        for (AttentionSpan span : spans) {
            for (int head = 0; head < shape.keyValueHeads(); head++) {
                for (int token = 0; token < span.tokens(); token += height) {
                    tiles.add(new Tile(span, token, Math.min(height, span.tokens() - token), head));
                }
            }
        }
        return tiles;
    }

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, likewise
    void attend(AttentionShape shape, Tile tile, long in, long out, float scale) {
        int rows = tile.tokens() * shape.group();
        int valueWidth = Matrix.panelCount(shape.headDim()) * PANEL;
        reset(rows, shape.headDim(), valueWidth);
        packQueries(shape, tile, rows, in);

        int firstPosition = tile.span().position() + tile.token();
        int lastPosition = firstPosition + tile.tokens() - 1;
        for (int block = 0; block <= lastPosition / PANEL; block++) {
            var memory = tile.span().blocks().get(block);
            long address = Memory.address(memory, KeyValueBlock.floats(shape));
            long keys = address + KeyValueBlock.keyOffset(shape, tile.keyValueHead()) * Float.BYTES;
            long values = address + KeyValueBlock.valueOffset(shape, tile.keyValueHead()) * Float.BYTES;

            Arrays.fill(scores, 0, rows * PANEL, 0f);
            for (int row = 0, height; row < rows; row += height) {
                height = OuterProduct.tileHeight(rows - row);
                OuterProduct.accumulate(
                        false,
                        keys,
                        shape.headDim(),
                        queries,
                        row * shape.headDim(),
                        height,
                        scores,
                        row * PANEL,
                        PANEL);
            }

            for (int row = 0; row < rows; row++) {
                int position = firstPosition + row / shape.group();
                softmax(row, Math.clamp(position + 1L - (long) block * PANEL, 0, PANEL), valueWidth, scale);
            }

            for (int row = 0, height; row < rows; row += height) {
                height = OuterProduct.tileHeight(rows - row);
                pack(scores, row * PANEL, PANEL, height, probabilities, row * PANEL);
                for (int column = 0; column < valueWidth; column += PANEL) {
                    long panel = values + (long) column * PANEL * Float.BYTES;
                    int at = row * valueWidth + column;
                    OuterProduct.accumulate(
                            false, panel, PANEL, probabilities, row * PANEL, height, weighted, at, valueWidth);
                }
            }
        }
        for (int row = 0; row < rows; row++) {
            writeRow(row, shape.headDim(), valueWidth, out + rowOffset(shape, tile, row));
        }
    }

    private void reset(int rows, int headDim, int valueWidth) {
        if (queries.length < rows * headDim || weighted.length < rows * valueWidth || maxima.length < rows) {
            queries = new float[rows * headDim];
            scores = new float[rows * PANEL];
            probabilities = new float[rows * PANEL];
            weighted = new float[rows * valueWidth];
            sums = new float[rows * ScalarMath.LANES];
            maxima = new float[rows];
        }
        Arrays.fill(weighted, 0, rows * valueWidth, 0f);
        Arrays.fill(sums, 0, rows * ScalarMath.LANES, 0f);
        Arrays.fill(maxima, 0, rows, Float.NEGATIVE_INFINITY);
    }

    private void packQueries(AttentionShape shape, Tile tile, int rows, long in) {
        int headDim = shape.headDim();
        for (int row = 0, height; row < rows; row += height) {
            height = OuterProduct.tileHeight(rows - row);
            for (int r = 0; r < height; r++) {
                long from = in + rowOffset(shape, tile, row + r);
                for (int i = 0; i < headDim; i++) {
                    queries[row * headDim + i * height + r] = Memory.getFloat(from + (long) i * Float.BYTES);
                }
            }
        }
    }

    /// Bytes from the batch's first query to a row of the tile: rows are tokens, and within a token the group's
    /// heads.
    private static long rowOffset(AttentionShape shape, Tile tile, int row) {
        int token = tile.span().row() + tile.token() + row / shape.group();
        int head = tile.keyValueHead() * shape.group() + row % shape.group();
        return ((long) token * shape.queryWidth() + (long) head * shape.headDim()) * Float.BYTES;
    }

    /// Turns a row's scores into exp(score − maximum), 0 beyond the first `visible` keys, and brings the row's sums
    /// and weighted values to the new maximum.
    private void softmax(int row, int visible, int valueWidth, float scale) {
        int at = row * PANEL;
        FloatVector greatest = FloatVector.broadcast(FLOATS, maxima[row]);
        for (int j = 0; j < PANEL; j += LANES) {
            VectorMask<Float> seen = FLOATS.indexInRange(j, visible);
            FloatVector score = FloatVector.fromArray(FLOATS, scores, at + j).mul(scale);
            score.intoArray(scores, at + j);
            greatest = greatest.max(
                    FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY).blend(score, seen));
        }
        float maximum = greatest.reduceLanes(VectorOperators.MAX);
        for (int j = 0; j < PANEL; j += LANES) {
            VectorMask<Float> seen = FLOATS.indexInRange(j, visible);
            FloatVector power =
                    VectorMath.exp(FloatVector.fromArray(FLOATS, scores, at + j).sub(maximum));
            FloatVector.zero(FLOATS).blend(power, seen).intoArray(scores, at + j);
        }

        float correction = ScalarMath.exp(maxima[row] - maximum);
        maxima[row] = maximum;
        for (int lane = 0; lane < ScalarMath.LANES; lane += LANES) {
            FloatVector both = FloatVector.fromArray(FLOATS, scores, at + lane)
                    .add(FloatVector.fromArray(FLOATS, scores, at + lane + ScalarMath.LANES));
            int sum = row * ScalarMath.LANES + lane;
            FloatVector.fromArray(FLOATS, sums, sum)
                    .fma(FloatVector.broadcast(FLOATS, correction), both)
                    .intoArray(sums, sum);
        }
        if (correction != 1f) {
            for (int i = row * valueWidth; i < (row + 1) * valueWidth; i += LANES) {
                FloatVector.fromArray(FLOATS, weighted, i).mul(correction).intoArray(weighted, i);
            }
        }
    }

    /// Packs `height` rows of `width` floats into `[width][height]`.
    private static void pack(float[] from, int index, int width, int height, float[] to, int at) {
        for (int row = 0; row < height; row++) {
            for (int i = 0; i < width; i++) {
                to[at + i * height + row] = from[index + row * width + i];
            }
        }
    }

    private void writeRow(int row, int headDim, int valueWidth, long to) {
        float inverse = 1f / ScalarMath.fold(sums, row * ScalarMath.LANES);
        for (int i = row * valueWidth; i < (row + 1) * valueWidth; i += LANES) {
            FloatVector.fromArray(FLOATS, weighted, i).mul(inverse).intoArray(weighted, i);
        }
        VectorKernels.write(weighted, row * valueWidth, headDim, to);
    }
}
