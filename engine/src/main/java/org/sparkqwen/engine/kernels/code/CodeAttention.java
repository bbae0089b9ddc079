package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.sparkqwen.engine.kernels.Matrix.PANEL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Matrix;
import org.sparkqwen.engine.kernels.Memory;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.vector.AttentionTile;
import org.sparkqwen.engine.kernels.vector.Transposition;

/// Computes attention of a tile of queries over the key blocks of one key/value head, with the steps of
/// `VectorAttention`: scores of 32 keys, the online softmax, and the weighted sum of values. Each thread has one
/// instance, which holds its working memory.
///
/// The queries are the panels of the scores' product, so a vector holds one key's scores with many queries. Then the
/// probabilities are the rows of the values' product, as they lie.
final class CodeAttention implements AutoCloseable {
    private static final int FLOAT = Float.BYTES;
    private static final MemorySegment UNSEEN = minusInfinities();

    private final Scratch memory = new Scratch();
    private final Tiles tiles = new Tiles();
    private final Arguments softmax = new Arguments().set(SoftmaxCode.Field.CONSTANTS, ExpCode.constants());
    private final Arguments scale = new Arguments();
    private final Arguments widen = new Arguments().set(WidenCode.Field.UPPER_HALF, WidenCode.UPPER_HALF);

    private int rows; // of the tile
    private int width; // rows rounded up to whole panels
    private int headDim;
    private int valueWidth; // headDim rounded up to whole panels
    private long queries; // panels, [width / 32][headDim][32]
    private long keys; // [headDim][32]: a copy of a block's, if they are widened
    private long scores; // [32 keys][width], then probabilities
    private long weighted; // [width][valueWidth]: the sum of values so far
    private long sums; // [width]: the sum of probabilities so far
    private long maxima; // [width]: the greatest score so far
    private long corrections; // [width]: exp(the maxima before a block − those after it)
    private long scratch; // of a transposition
    private long[] from = new long[0]; // [rows]: addresses of the queries

    private static MemorySegment minusInfinities() {
        MemorySegment all = Arena.global().allocate(JAVA_FLOAT, 4 * PANEL);
        for (int i = 0; i < 4 * PANEL; i++) {
            all.setAtIndex(JAVA_FLOAT, i, Float.NEGATIVE_INFINITY);
        }
        return all;
    }

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, `[tokens, heads, headDim]`
    void attend(AttentionShape shape, AttentionTile tile, long in, long out, float factor) {
        KeyValueFormat format = tile.span().format();
        reset(shape, tile);
        packQueries(shape, tile, in);
        softmax.set(SoftmaxCode.Field.SCALE, Float.floatToRawIntBits(factor));
        int first = tile.position();
        int last = first + tile.tokens() - 1;
        for (int block = 0; block <= last / PANEL; block++) {
            long address = Memory.addressOfBytes(tile.span().blocks().get(block), KeyValueBlock.bytes(shape, format));
            score(format, address + KeyValueBlock.keyOffset(shape, format, tile.keyValueHead()));
            hideFuture(first, block * PANEL, shape.group());
            softmax.call(Functions.SOFTMAX);
            correct();
            addValues(format, address + KeyValueBlock.valueOffset(shape, format, tile.keyValueHead()));
        }
        for (int row = 0; row < rows; row++) {
            writeRow(row, out + tile.offset(shape, row));
        }
    }

    private void reset(AttentionShape shape, AttentionTile tile) {
        rows = tile.rows(shape);
        width = Matrix.panelCount(rows) * PANEL;
        headDim = shape.headDim();
        valueWidth = Matrix.panelCount(headDim) * PANEL;
        long numbers = (long) width * (headDim + PANEL + valueWidth + 3) + (long) headDim * PANEL;
        queries = memory.address(numbers * FLOAT + Transposition.SCRATCH_BYTES);
        keys = queries + (long) width * headDim * FLOAT;
        scores = keys + (long) headDim * PANEL * FLOAT;
        weighted = scores + (long) PANEL * width * FLOAT;
        sums = weighted + (long) width * valueWidth * FLOAT;
        maxima = sums + (long) width * FLOAT;
        corrections = maxima + (long) width * FLOAT;
        scratch = corrections + (long) width * FLOAT;
        Memory.ALL.asSlice(weighted, (long) width * (valueWidth + 1) * FLOAT).fill((byte) 0); // and sums
        for (int row = 0; row < width; row++) {
            Memory.setFloat(maxima + (long) row * FLOAT, Float.NEGATIVE_INFINITY);
        }
        if (from.length < width) {
            from = new long[width];
        }
        softmax.set(SoftmaxCode.Field.SCORES, scores)
                .set(SoftmaxCode.Field.KEY_STRIDE, (long) width * FLOAT)
                .set(SoftmaxCode.Field.MAXIMA, maxima)
                .set(SoftmaxCode.Field.SUMS, sums)
                .set(SoftmaxCode.Field.CORRECTIONS, corrections)
                .set(SoftmaxCode.Field.VECTORS, width / Zmm.FLOATS);
        tiles.ahead(0, 0, 0);
    }

    /// Packs the queries into panels. Rows past the last keep old contents: their scores are computed, and never
    /// read.
    private void packQueries(AttentionShape shape, AttentionTile tile, long in) {
        for (int row = 0; row < rows; row++) {
            from[row] = in + tile.offset(shape, row);
        }
        int square = Transposition.SQUARE;
        int squares = Transposition.POSSIBLE ? rows - rows % square : 0;
        int inputs = Transposition.POSSIBLE ? headDim - headDim % square : 0;
        for (int row = 0; row < squares; row += square) {
            for (int i = 0; i < inputs; i += square) {
                long skip = (long) i * FLOAT;
                Transposition.square(from, row, skip, scratch, queryAddress(row, i), Tiles.PANEL_ROW);
            }
        }
        for (int row = 0; row < rows; row++) {
            for (int i = row < squares ? inputs : 0; i < headDim; i++) {
                Memory.setFloat(queryAddress(row, i), Memory.getFloat(from[row] + (long) i * FLOAT));
            }
        }
    }

    private long queryAddress(int row, int input) {
        return queries + (((long) row / PANEL * headDim + input) * PANEL + row % PANEL) * FLOAT;
    }

    /// Computes the scores of a block.
    ///
    /// @param stored address of the block's keys, `[headDim][32]`
    private void score(KeyValueFormat format, long stored) {
        long block = switch (format) {
            case F32 -> stored;
            case BF16 -> {
                widen.set(WidenCode.Field.FROM, stored)
                        .set(WidenCode.Field.TO, keys)
                        .set(WidenCode.Field.INPUTS, headDim)
                        .call(Functions.WIDEN);
                yield keys;
            }
        };
        Rows in = new Rows(block, Tiles.PANEL_ROW);
        for (int row = 0; row < width; row += PANEL) {
            Rows to = new Rows(scores + (long) row * FLOAT, (long) width * FLOAT);
            tiles.panel(queries + (long) row * headDim * FLOAT, headDim)
                    .multiply(TileKind.ATTENTION_F32, headDim, in, PANEL, Rows.ZEROS, to, false);
        }
    }

    /// Gives keys past a row's position the score of probability 0. Rows are in the order of positions, so a key is
    /// hidden from the first few.
    ///
    /// @param first position of the tile's first token
    /// @param position position of the block's first key
    private void hideFuture(int first, int position, int group) {
        for (int key = Math.max(0, first - position); key < PANEL; key++) {
            int hidden = Math.clamp((long) (position + key - first) * group, 0, rows);
            long at = scores + (long) key * width * FLOAT;
            for (int done = 0; done < hidden; done += 4 * PANEL) {
                long bytes = (long) Math.min(4 * PANEL, hidden - done) * FLOAT;
                MemorySegment.copy(UNSEEN, 0, Memory.ALL, at + (long) done * FLOAT, bytes);
            }
        }
    }

    /// Scales the weighted values of rows whose maximum rose to the new maximum.
    private void correct() {
        for (int row = 0; row < rows; row++) {
            float correction = Memory.getFloat(corrections + (long) row * FLOAT);
            if (correction != 1f) {
                long at = weighted + (long) row * valueWidth * FLOAT;
                scale(at, correction, at, valueWidth / PANEL);
            }
        }
    }

    /// @param stored address of the block's values, `[valueWidth / 32][32 keys][32]`
    private void addValues(KeyValueFormat format, long stored) {
        TileKind kind = switch (format) {
            case F32 -> TileKind.ATTENTION_F32;
            case BF16 -> TileKind.ATTENTION_BF16;
        };
        Rows in = new Rows(scores, (long) width * FLOAT);
        for (int column = 0; column < valueWidth; column += PANEL) {
            Rows sum = new Rows(weighted + (long) column * FLOAT, (long) valueWidth * FLOAT);
            tiles.panel(stored + (long) column * PANEL * format.bytes(), PANEL)
                    .multiply(kind, PANEL, in, rows, sum, sum, false);
        }
    }

    private void writeRow(int row, long to) {
        float inverse = 1f / Memory.getFloat(sums + (long) row * FLOAT);
        long at = weighted + (long) row * valueWidth * FLOAT;
        if (headDim == valueWidth) {
            scale(at, inverse, to, headDim / PANEL);
        } else {
            scale(at, inverse, at, valueWidth / PANEL);
            MemorySegment.copy(Memory.ALL, at, Memory.ALL, to, (long) headDim * FLOAT);
        }
    }

    private void scale(long numbers, float factor, long to, int pieces) {
        scale.set(ScaleCode.Field.FROM, numbers)
                .set(ScaleCode.Field.FROM_STRIDE, Tiles.PANEL_ROW)
                .set(ScaleCode.Field.TO, to)
                .set(ScaleCode.Field.FACTOR, Float.floatToRawIntBits(factor))
                .set(ScaleCode.Field.PIECES, pieces)
                .call(Functions.SCALE);
    }

    @Override
    public void close() {
        memory.close();
    }
}
