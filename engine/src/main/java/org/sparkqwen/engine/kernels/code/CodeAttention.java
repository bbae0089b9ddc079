package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.sparkqwen.engine.kernels.KeyValueBlock.TOKENS;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.ExpCode;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.ScoreCode;
import org.sparkqwen.engine.kernels.code.builder.SoftmaxCode;
import org.sparkqwen.engine.kernels.code.builder.TransposeCode;
import org.sparkqwen.engine.kernels.code.builder.WeightedSumCode;
import org.sparkqwen.engine.kernels.code.builder.WidenCode;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.vector.AttentionTile;

/// Computes attention of a tile of queries over the key blocks of one key/value head, with the steps of
/// `VectorAttention`: scores of 32 keys, the online softmax, and the weighted sum of values. Each thread has one
/// instance, which holds its working memory.
///
/// At most [#ROWS] rows are computed at a time. Their queries stay in the first-level cache while the keys pass, and
/// then the probabilities of [#BLOCKS] blocks stay there while the values pass. So sums are loaded and stored once for
/// these blocks.
final class CodeAttention implements AutoCloseable {
    /// The most rows that are computed together.
    static final int ROWS = ScoreCode.MOST_VECTORS * Zmm.FLOATS;

    /// The number of blocks whose probabilities are computed before their values are added.
    private static final int BLOCKS = 4;

    /// The number of times eight keys in a block.
    private static final int TURNS = TOKENS / ScoreCode.KEYS;

    private static final long FLOAT = Float.BYTES;
    private static final MemorySegment UNSEEN = minusInfinities();

    private final Scratch memory = new Scratch();
    private final Arguments score = new Arguments();
    private final Arguments softmax = new Arguments().set(SoftmaxCode.Field.CONSTANTS, ExpCode.constants());
    private final Arguments weigh = new Arguments().set(WeightedSumCode.Field.UPPER_HALF, WidenCode.UPPER_HALF);
    private final BlockReader reader;
    private final Averages averages;
    private final Arguments transpose = new Arguments();
    private final Arguments widen = new Arguments().set(WidenCode.Field.UPPER_HALF, WidenCode.UPPER_HALF);
    private final Functions functions;
    private final int lanes; // numbers of a vector
    private final int highest; // rows of a tile of the weighted sum

    private int rows; // computed together
    private int width; // rows rounded up to whole vectors
    private int headDim;
    private int valuePanels; // headDim rounded up to whole panels, in panels
    private long queries; // [headDim][width]
    private long keys; // [headDim][32]: a copy of a block's, if they are widened
    private long wideValues; // [blocks][valuePanels][32][32]: copies of blocks' values, if they are integers
    private long scores; // [blocks][32 keys][width], then probabilities
    private long corrections; // [blocks][width]: exp(the maxima before a block − those after it)
    private long sums; // [width]: the sum of probabilities so far
    private long maxima; // [width]: the greatest score so far
    private long weighted; // [valuePanels][width][32]: the sum of values so far
    private long values; // [blocks]: the addresses of the blocks' values
    private long nextQueries; // the distance from a row's result to the query of the row after these
    private long requested; // the addresses, if results will be written soon, or 0
    private long addresses; // [width]: those of the rows' queries, then of their results

    CodeAttention(Functions functions) {
        this.functions = functions;
        lanes = functions.set.floats();
        highest = functions.highestWeightedSum();
        reader = new BlockReader(functions);
        averages = new Averages(functions);
    }

    private static MemorySegment minusInfinities() {
        MemorySegment all = Arena.global().allocate(JAVA_FLOAT, ROWS);
        for (int i = 0; i < ROWS; i++) {
            all.setAtIndex(JAVA_FLOAT, i, Float.NEGATIVE_INFINITY);
        }
        return all;
    }

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, `[tokens, heads, headDim]`
    void attend(AttentionShape shape, AttentionTile tile, long in, long out, float factor) {
        softmax.set(SoftmaxCode.Field.SCALE, Float.floatToRawIntBits(factor));
        int all = tile.rows(shape);
        for (int first = 0; first < all; first += ROWS) {
            reset(shape, Math.min(ROWS, all - first));
            packQueries(shape, tile, first, in);
            int last = (tile.position() + (first + rows - 1) / shape.group()) / TOKENS; // block
            for (int row = 0; row < rows; row++) {
                address(row, out + tile.offset(shape, first + row));
            }
            nextQueries = in - out + tile.offset(shape, first + rows) - tile.offset(shape, first);
            for (int block = 0; block <= last; block += BLOCKS) {
                requested = block + BLOCKS > last ? addresses : 0;
                attendBlocks(shape, tile, first, block, Math.min(BLOCKS, last + 1 - block));
            }
            averages.write(rows, headDim, weighted, width, sums, addresses);
        }
    }

    private void reset(AttentionShape shape, int count) {
        rows = count;
        width = Math.ceilDiv(rows, lanes) * lanes;
        headDim = shape.headDim();
        valuePanels = Matrix.panelCount(headDim);
        long numbers = width * (headDim + (long) BLOCKS * (TOKENS + 1) + 2 + (long) valuePanels * PANEL)
                + (long) headDim * TOKENS
                + (long) BLOCKS * valuePanels * PANEL * TOKENS;
        queries = memory.address(numbers * FLOAT + (BLOCKS + ROWS) * Long.BYTES);
        keys = queries + FLOAT * width * headDim;
        wideValues = keys + FLOAT * headDim * TOKENS;
        scores = wideValues + FLOAT * BLOCKS * valuePanels * PANEL * TOKENS;
        corrections = scores + FLOAT * BLOCKS * TOKENS * width;
        sums = corrections + FLOAT * BLOCKS * width;
        maxima = sums + width * FLOAT;
        weighted = maxima + width * FLOAT;
        values = weighted + FLOAT * valuePanels * PANEL * width;
        addresses = values + BLOCKS * Long.BYTES;
        Memory.ALL.asSlice(sums, width * FLOAT).fill((byte) 0);
        Memory.ALL.asSlice(weighted, FLOAT * valuePanels * PANEL * width).fill((byte) 0);
        MemorySegment.copy(UNSEEN, 0, Memory.ALL, maxima, width * FLOAT);
        score.set(ScoreCode.Field.QUERIES, queries)
                .set(ScoreCode.Field.TURNS, headDim / ScoreCode.UNROLLED)
                .set(ScoreCode.Field.REST, headDim % ScoreCode.UNROLLED);
        softmax.set(SoftmaxCode.Field.KEY_STRIDE, width * FLOAT)
                .set(SoftmaxCode.Field.MAXIMA, maxima)
                .set(SoftmaxCode.Field.SUMS, sums)
                .set(SoftmaxCode.Field.VECTORS, width / lanes);
        weigh.set(WeightedSumCode.Field.BLOCKS, values).set(WeightedSumCode.Field.KEY_STRIDE, width * FLOAT);
    }

    /// Transposes the queries. Rows past the last are the last one, too. Their results are never read.
    private void packQueries(AttentionShape shape, AttentionTile tile, int first, long in) {
        for (int row = 0; row < width; row++) {
            address(row, in + tile.offset(shape, first + Math.min(row, rows - 1)));
        }
        int square = lanes;
        transpose.set(TransposeCode.Field.TO_STRIDE, width * FLOAT).set(TransposeCode.Field.SQUARES, headDim / square);
        for (int row = 0; row < width && headDim >= square; row += square) {
            transpose
                    .set(TransposeCode.Field.ROWS, addresses + (long) row * Long.BYTES)
                    .set(TransposeCode.Field.TO, queryAddress(row, 0))
                    .call(functions.transpose);
        }
        for (int row = 0; row < width; row++) {
            for (int i = headDim - headDim % square; i < headDim; i++) {
                Memory.setFloat(queryAddress(row, i), Memory.getFloat(address(row) + i * FLOAT));
            }
        }
    }

    private void address(int row, long address) {
        Memory.ALL.set(JAVA_LONG, addresses + (long) row * Long.BYTES, address);
    }

    private long address(int row) {
        return Memory.ALL.get(JAVA_LONG, addresses + (long) row * Long.BYTES);
    }

    private long queryAddress(int row, int input) {
        return queries + ((long) input * width + row) * FLOAT;
    }

    /// Computes the scores of some blocks, and adds the blocks' values.
    ///
    /// @param firstRow the first of the rows in the tile
    /// @param first index of the first block
    private void attendBlocks(AttentionShape shape, AttentionTile tile, int firstRow, int first, int count) {
        KeyValueFormat format = tile.span().format();
        int head = tile.keyValueHead();
        int group = shape.group();
        // How many rows it is from the first key's position to the first row, which is negative if that is earlier.
        int ahead = (tile.position() - first * TOKENS) * group + firstRow;
        for (int i = 0; i < count; i++) {
            long address =
                    Memory.addressOfBytes(tile.span().blocks().get(first + i), KeyValueBlock.bytes(shape, format));
            long stored = address + KeyValueBlock.valueOffset(shape, format, head);
            long widened = wideValues + i * FLOAT * valuePanels * PANEL * TOKENS;
            long storedKeys = address + KeyValueBlock.keyOffset(shape, format, head);
            long readable = reader.values(format, headDim, stored, widened, storedKeys);
            Memory.ALL.set(JAVA_LONG, values + (long) i * Long.BYTES, readable);
            long next = Memory.addressOfBytes(
                    tile.span().blocks().get(Math.min(first + i + 1, last(tile))), KeyValueBlock.bytes(shape, format));
            score.set(ScoreCode.Field.KEYS_AHEAD, next + KeyValueBlock.keyOffset(shape, format, head))
                    .set(ScoreCode.Field.VALUES_AHEAD, next + KeyValueBlock.valueOffset(shape, format, head))
                    .set(ScoreCode.Field.AHEAD_STEP, 64L * format.bytes());
            long at = scores + FLOAT * i * TOKENS * width;
            int aheadOfBlock = ahead - i * TOKENS * group;
            int turns = Math.min(TURNS, turns(aheadOfBlock + rows - 1, group));
            score(format, storedKeys, at, turns);
            hideFuture(aheadOfBlock, group, at, turns * ScoreCode.KEYS);
            softmax.set(SoftmaxCode.Field.SCORES, at)
                    .set(SoftmaxCode.Field.KEYS, (long) turns * ScoreCode.KEYS)
                    .set(SoftmaxCode.Field.CORRECTIONS, corrections + FLOAT * i * width)
                    .call(functions.softmax);
        }
        addValues(format.multiplied(), ahead, group, count);
    }

    private static int last(AttentionTile tile) {
        return (tile.position() + tile.tokens() - 1) / TOKENS;
    }

    /// How many times eight keys it takes until all that a row sees are among them.
    ///
    /// @param ahead number of rows from the first key's position to the row; not negative
    private static int turns(int ahead, int group) {
        return ahead / group / ScoreCode.KEYS + 1;
    }

    /// Computes the scores of a block.
    ///
    /// @param stored address of the block's keys, `[headDim][32]`
    /// @param to address of the scores, `[32][width]`
    /// @param turns number of times eight keys
    private void score(KeyValueFormat format, long stored, long to, int turns) {
        long block = switch (format) {
            case F32, INT8 -> reader.keys(format, headDim, stored, keys, stored);
            case BF16 -> {
                widen.set(WidenCode.Field.FROM, stored)
                        .set(WidenCode.Field.TO, keys)
                        .set(WidenCode.Field.INPUTS, headDim)
                        .call(functions.widen);
                yield keys;
            }
        };
        score.set(ScoreCode.Field.KEYS, block)
                .set(ScoreCode.Field.SCORES, to)
                .set(ScoreCode.Field.TILES, turns)
                .call(functions.score(width / lanes));
    }

    /// Gives keys past a row's position the score of probability 0. Rows are in the order of positions, so a key is
    /// hidden from the first few.
    ///
    /// @param ahead number of rows from the first key's position to the first row
    /// @param at address of the block's scores
    /// @param count number of keys
    private void hideFuture(int ahead, int group, long at, int count) {
        for (int key = Math.max(0, ahead / group); key < count; key++) {
            int hidden = Math.clamp((long) key * group - ahead, 0, rows);
            MemorySegment.copy(UNSEEN, 0, Memory.ALL, at + FLOAT * key * width, hidden * FLOAT);
        }
    }

    /// Adds the values of `count` blocks, weighted with their probabilities. Each tile of rows leaves out the keys
    /// that are past all of its rows, eight at a time.
    ///
    /// @param ahead number of rows from the first key's position to the first row
    private void addValues(KeyValueFormat format, int ahead, int group, int count) {
        boolean seen = turns(Math.max(0, ahead), group) >= count * TURNS; // by all rows
        int step = seen ? rows - rows % highest : highest;
        for (int panel = 0; panel < valuePanels; panel++) {
            weigh.set(WeightedSumCode.Field.COLUMNS, (long) panel * TOKENS * PANEL * format.bytes());
            long outColumns = FLOAT * panel * PANEL;
            weigh.set(WeightedSumCode.Field.OUT_COLUMNS, outColumns)
                    .set(WeightedSumCode.Field.NEXT_COLUMNS, outColumns + nextQueries);
            for (int row = 0; row < rows; ) {
                int height = Math.min(highest, rows - row);
                int end = height < highest ? rows : row + step;
                int last = ahead + end - 1;
                if (last >= 0) {
                    int turns = Math.min(count * TURNS, turns(last, group));
                    weigh.set(WeightedSumCode.Field.COUNT, Math.ceilDiv(turns, TURNS))
                            .set(WeightedSumCode.Field.LAST_TURNS, (turns - 1) % TURNS + 1)
                            .set(WeightedSumCode.Field.PROBABILITIES, scores + row * FLOAT)
                            .set(WeightedSumCode.Field.CORRECTIONS, corrections + row * FLOAT)
                            .set(WeightedSumCode.Field.SUMS, weightedAddress(panel, row))
                            .set(WeightedSumCode.Field.OUT, requested == 0 ? 0 : requested + (long) row * Long.BYTES)
                            .set(WeightedSumCode.Field.TILES, (end - row) / height)
                            .call(functions.weightedSum(format, height));
                }
                row = end;
            }
        }
    }

    private long weightedAddress(int panel, int row) {
        return weighted + ((long) panel * width + row) * WeightedSumCode.SUM_ROW;
    }

    @Override
    public void close() {
        memory.close();
    }
}
