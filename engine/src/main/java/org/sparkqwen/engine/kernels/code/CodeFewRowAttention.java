package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.sparkqwen.engine.kernels.KeyValueBlock.TOKENS;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.ExpCode;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.RowSoftmaxCode;
import org.sparkqwen.engine.kernels.code.builder.TileKind;
import org.sparkqwen.engine.kernels.code.builder.WeightedSumCode;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.vector.AttentionTile;

/// Computes attention of a tile of few rows, such as a text that is continued by one token, with the steps of
/// `FewRowAttention`. Each thread has one instance, which holds its working memory.
///
/// Such a tile is limited by memory. Keys and values are the panels of products, on the micro-kernels for few rows. A
/// product with keys requests the block's values, and one with values a part of the next block's keys.
final class CodeFewRowAttention implements AutoCloseable {
    private static final long FLOAT = Float.BYTES;

    private final Scratch memory = new Scratch();
    private final Tiles tiles;
    private final Arguments softmax = new Arguments().set(RowSoftmaxCode.Field.CONSTANTS, ExpCode.constants());
    private final BlockReader reader;
    private final Averages averages;
    private final Functions functions;

    private int rows;
    private int headDim;
    private int valuePanels; // headDim rounded up to whole panels, in panels
    private long queries; // [rows][headDim]
    private long scores; // [rows][32 keys], then probabilities
    private long states; // [rows][2][16]: the maximum and the sum of probabilities so far, each 16 times
    private long weighted; // [valuePanels][rows][32]: the sum of values so far
    private long sums; // [16]: those of the rows at the end
    private long addresses; // [rows]: those of the results
    private long widened; // [valuePanels][32][32]: a block's keys or values of 8 bits, in float32

    CodeFewRowAttention(Functions functions) {
        this.functions = functions;
        tiles = new Tiles(functions);
        reader = new BlockReader(functions);
        averages = new Averages(functions);
    }

    /// @param in address of the batch's queries, `[tokens, heads, headDim]`
    /// @param out address of the batch's results, `[tokens, heads, headDim]`
    void attend(AttentionShape shape, AttentionTile tile, long in, long out, float factor) {
        reset(shape, tile);
        softmax.set(RowSoftmaxCode.Field.SCALE, Float.floatToRawIntBits(factor));
        for (int row = 0; row < rows; row++) {
            long from = in + tile.offset(shape, row);
            MemorySegment.copy(Memory.ALL, from, Memory.ALL, queries + FLOAT * row * headDim, headDim * FLOAT);
        }
        int last = (tile.position() + tile.tokens() - 1) / TOKENS;
        for (int block = 0; block <= last; block++) {
            long next = address(shape, tile, Math.min(block + 1, last));
            attendBlock(shape, tile, block, address(shape, tile, block), next);
        }
        for (int row = 0; row < rows; row++) {
            long sum = states + (long) row * RowSoftmaxCode.STATE_BYTES + RowSoftmaxCode.SUM;
            Memory.setFloat(sums + row * FLOAT, Memory.getFloat(sum));
            Memory.ALL.set(JAVA_LONG, addresses + (long) row * Long.BYTES, out + tile.offset(shape, row));
        }
        averages.write(rows, headDim, weighted, rows, sums, addresses);
    }

    private void reset(AttentionShape shape, AttentionTile tile) {
        rows = tile.rows(shape);
        headDim = shape.headDim();
        valuePanels = Matrix.panelCount(headDim);
        long stateBytes = (long) rows * RowSoftmaxCode.STATE_BYTES;
        long weightedBytes = (long) valuePanels * rows * WeightedSumCode.SUM_ROW;
        long numbers = rows * ((long) TOKENS + headDim) + Zmm.FLOATS + (long) valuePanels * PANEL * TOKENS;
        widened = memory.address(numbers * FLOAT + stateBytes + weightedBytes + (long) rows * Long.BYTES);
        scores = widened + FLOAT * valuePanels * PANEL * TOKENS;
        states = scores + FLOAT * rows * TOKENS;
        weighted = states + stateBytes;
        sums = weighted + weightedBytes;
        addresses = sums + Zmm.BYTES;
        queries = addresses + (long) rows * Long.BYTES;
        Memory.ALL.asSlice(states, stateBytes + weightedBytes).fill((byte) 0);
        for (int row = 0; row < rows; row++) {
            for (int lane = 0; lane < Zmm.FLOATS; lane++) {
                long at = states + (long) row * RowSoftmaxCode.STATE_BYTES + lane * FLOAT;
                Memory.setFloat(at, Float.NEGATIVE_INFINITY);
            }
        }
        softmax.set(RowSoftmaxCode.Field.SCORES, scores)
                .set(RowSoftmaxCode.Field.STATES, states)
                .set(RowSoftmaxCode.Field.WEIGHTED, weighted)
                .set(RowSoftmaxCode.Field.PANEL_STRIDE, (long) rows * WeightedSumCode.SUM_ROW)
                .set(RowSoftmaxCode.Field.PANELS, valuePanels)
                .set(RowSoftmaxCode.Field.ROWS, rows);
    }

    private static long address(AttentionShape shape, AttentionTile tile, int block) {
        KeyValueFormat format = tile.span().format();
        return Memory.addressOfBytes(tile.span().blocks().get(block), KeyValueBlock.bytes(shape, format));
    }

    /// @param index of the block
    /// @param block address of the block
    /// @param next address of the block that follows
    private void attendBlock(AttentionShape shape, AttentionTile tile, int index, long block, long next) {
        KeyValueFormat format = tile.span().format();
        TileKind kind = switch (format) {
            case F32, INT8 -> TileKind.FEW_F32;
            case BF16 -> TileKind.FEW_BF16;
        };
        boolean widens = format != format.multiplied();
        long keyOffset = KeyValueBlock.keyOffset(shape, format, tile.keyValueHead());
        long values = block + KeyValueBlock.valueOffset(shape, format, tile.keyValueHead());
        long panelBytes = (long) TOKENS * PANEL * format.multiplied().bytes();
        long keys = reader.keys(format, headDim, block + keyOffset, widened, values);
        tiles.panel(keys, headDim)
                .ahead(widens ? 0 : values, 0, widens ? 0 : (long) headDim * TOKENS * format.bytes() / TileKind.STREAMS)
                .multiply(
                        kind,
                        headDim,
                        new Rows(queries, headDim * FLOAT),
                        rows,
                        Rows.ZEROS,
                        new Rows(scores, Tiles.PANEL_ROW),
                        false);
        hideFuture(shape, tile, index);
        softmax.call(functions.rowSoftmax);
        values = reader.values(format, headDim, values, widened, next + keyOffset);
        for (int panel = 0; panel < valuePanels; panel++) {
            long ahead = widens ? 0 : next + keyOffset + panel * panelBytes;
            Rows sums = new Rows(weighted + (long) panel * rows * WeightedSumCode.SUM_ROW, WeightedSumCode.SUM_ROW);
            tiles.panel(values + panel * panelBytes, TOKENS)
                    .ahead(ahead, 0, widens ? 0 : panelBytes / TileKind.STREAMS)
                    .multiply(kind, TOKENS, new Rows(scores, Tiles.PANEL_ROW), rows, sums, sums, false);
        }
    }

    /// Gives keys past a row's position the score of probability 0.
    private void hideFuture(AttentionShape shape, AttentionTile tile, int block) {
        for (int row = 0; row < rows; row++) {
            int visible = tile.position() + row / shape.group() + 1 - block * TOKENS;
            for (int key = Math.max(0, visible); key < TOKENS; key++) {
                Memory.setFloat(scores + ((long) row * TOKENS + key) * FLOAT, Float.NEGATIVE_INFINITY);
            }
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
