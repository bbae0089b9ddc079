package org.sparkqwen.engine.kernels.cuda;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.LayerSpans;

/// The spans of a batch on the device: where their keys and values lie, and the parts in which they are computed.
///
/// All layers have the same spans. Their blocks lie at the same distances from each other, so the table of the first
/// layer serves the others with a shift of all addresses.
final class SpanTable {
    /// The rows of a block of threads, each one head of one token.
    private static final int MANY_ROWS = 64;

    /// The rows of a block of threads if no span has more.
    private static final int FEW_ROWS = 16;

    private static final int SPAN_INTS = 4;

    private final Uploads uploads;
    private final OpenMemory open;
    private int[] spans = {}; // row, tokens, position and first block of each
    private long[] blocks = {};
    private int group;
    private @Nullable LayerSpans known; // what the table on the device was made of
    private long round = -1;
    private long shift;
    private long spansAddress;
    private long blocksAddress;
    private long tokensAddress;
    private long tilesAddress;
    private int tokens;
    private int tiles;
    private int tileRows;
    private @Nullable KeyValueFormat format;

    SpanTable(Uploads uploads, OpenMemory open) {
        this.uploads = uploads;
        this.open = open;
    }

    /// Whether this is the table of these spans already.
    boolean isOf(LayerSpans spans) {
        return spans == known;
    }

    /// Makes this the table of spans of one format in one layer.
    void take(AttentionShape shape, LayerSpans of, int layer) {
        shift = of.offset(layer);
        if (of == known && group == shape.group() && round == uploads.rounds()) {
            return;
        }
        List<AttentionSpan> first = of.of(0);
        group = shape.group();
        format = first.getFirst().format();
        spans = new int[first.size() * SPAN_INTS];
        int count = 0;
        for (int i = 0; i < first.size(); i++) {
            AttentionSpan span = first.get(i);
            spans[i * SPAN_INTS] = span.row();
            spans[i * SPAN_INTS + 1] = span.tokens();
            spans[i * SPAN_INTS + 2] = span.position();
            spans[i * SPAN_INTS + 3] = count;
            count += blocks(span);
        }
        blocks = addresses(shape, first, count);
        requireSameDistance(addresses(shape, of.of(of.layers() - 1), count), of.offset(of.layers() - 1));
        upload();
        known = of;
    }

    private static int blocks(AttentionSpan span) {
        return Math.ceilDiv(span.position() + span.tokens(), KeyValueBlock.TOKENS);
    }

    private long[] addresses(AttentionShape shape, List<AttentionSpan> of, int count) {
        long blockBytes = KeyValueBlock.bytes(shape, format());
        long[] addresses = new long[count];
        int next = 0;
        for (AttentionSpan span : of) {
            int ofSpan = blocks(span);
            open.addresses(span.blocks(), ofSpan, blockBytes, addresses, next);
            next += ofSpan;
        }
        return addresses;
    }

    private void requireSameDistance(long[] ofLastLayer, long distance) {
        for (int i = 0; i < blocks.length; i++) {
            if (ofLastLayer[i] - blocks[i] != distance) {
                throw new IllegalArgumentException("blocks of a layer lie at different distances from the first");
            }
        }
    }

    private void upload() {
        tokens = 0;
        tiles = 0;
        int count = spans.length / SPAN_INTS;
        int most = 0;
        for (int i = 0; i < count; i++) {
            tokens += spans[i * SPAN_INTS + 1];
            most = Math.max(most, spans[i * SPAN_INTS + 1] * group);
        }
        tileRows = most <= FEW_ROWS ? FEW_ROWS : MANY_ROWS;
        for (int i = 0; i < count; i++) {
            tiles += Math.ceilDiv(spans[i * SPAN_INTS + 1] * group, tileRows);
        }
        int[] ofTokens = new int[2 * tokens];
        int[] ofTiles = new int[2 * tiles];
        int token = 0;
        int tile = 0;
        for (int i = 0; i < count; i++) {
            int spanTokens = spans[i * SPAN_INTS + 1];
            for (int j = 0; j < spanTokens; j++) {
                ofTokens[token++] = i;
                ofTokens[token++] = j;
            }
            // Later rows have more keys, so they come first.
            for (int j = Math.ceilDiv(spanTokens * group, tileRows) - 1; j >= 0; j--) {
                ofTiles[tile++] = i;
                ofTiles[tile++] = j * tileRows;
            }
        }
        do { // all of them in one round
            round = uploads.rounds();
            spansAddress = uploads.ints(spans);
            blocksAddress = uploads.longs(blocks);
            tokensAddress = uploads.ints(ofTokens);
            tilesAddress = uploads.ints(ofTiles);
        } while (round != uploads.rounds());
    }

    /// Adds the structure `Cache` of `attention.cu` to a kernel's arguments.
    void addCache(Arguments arguments, AttentionShape shape) {
        KeyValueFormat ofAll = format();
        long keyBytes = KeyValueBlock.valueOffset(shape, ofAll, 0) / shape.keyValueHeads();
        long valueBytes = KeyValueBlock.bytes(shape, ofAll) / shape.keyValueHeads() - keyBytes;
        arguments
                .align()
                .add(spansAddress)
                .add(blocksAddress)
                .add(shift)
                .add(shape.keyValueHeads())
                .add(shape.headDim())
                .add((int) keyBytes)
                .add((int) valueBytes);
    }

    KeyValueFormat format() {
        if (format == null) {
            throw new IllegalStateException("there are no spans");
        }
        return format;
    }

    long tokensAddress() {
        return tokensAddress;
    }

    long tilesAddress() {
        return tilesAddress;
    }

    int tokens() {
        return tokens;
    }

    int tiles() {
        return tiles;
    }

    /// The rows of a tile.
    int tileRows() {
        return tileRows;
    }
}
