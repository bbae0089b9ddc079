package org.sparkqwen.engine.kernels.cuda;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The spans of a batch on the device: where their keys and values lie, and the parts in which they are computed.
///
/// All layers have the same spans. Their blocks lie at the same distances from each other, so the table of one layer
/// serves the others with a shift of all addresses.
final class SpanTable {
    /// The rows of a block of threads, each one head of one token.
    private static final int ROWS = 64;

    private static final int SPAN_INTS = 4;

    private final Uploads uploads;
    private final OpenMemory open;
    private int[] spans = {}; // row, tokens, position and first block of each
    private long[] blocks = {};
    private int group;
    private long round = -1;
    private long shift;
    private long spansAddress;
    private long blocksAddress;
    private long tokensAddress;
    private long tilesAddress;
    private int tokens;
    private int tiles;
    private @Nullable KeyValueFormat format;

    SpanTable(Uploads uploads, OpenMemory open) {
        this.uploads = uploads;
        this.open = open;
    }

    /// Makes this the table of spans of one format.
    void take(AttentionShape shape, List<AttentionSpan> of) {
        KeyValueFormat newFormat = of.getFirst().format();
        long blockBytes = KeyValueBlock.bytes(shape, newFormat);
        int[] newSpans = new int[of.size() * SPAN_INTS];
        int count = 0;
        for (int i = 0; i < of.size(); i++) {
            AttentionSpan span = of.get(i);
            newSpans[i * SPAN_INTS] = span.row();
            newSpans[i * SPAN_INTS + 1] = span.tokens();
            newSpans[i * SPAN_INTS + 2] = span.position();
            newSpans[i * SPAN_INTS + 3] = count;
            count += blocks(span);
        }
        long[] newBlocks = new long[count];
        int next = 0;
        for (AttentionSpan span : of) {
            int ofSpan = blocks(span);
            open.addresses(span.blocks(), ofSpan, blockBytes, newBlocks, next);
            next += ofSpan;
        }
        boolean same = round == uploads.rounds()
                && format == newFormat
                && group == shape.group()
                && Arrays.equals(spans, newSpans)
                && isShifted(newBlocks);
        if (!same) {
            spans = newSpans;
            blocks = newBlocks;
            group = shape.group();
            format = newFormat;
            shift = 0;
            upload();
        }
    }

    private static int blocks(AttentionSpan span) {
        return Math.ceilDiv(span.position() + span.tokens(), KeyValueBlock.TOKENS);
    }

    private boolean isShifted(long[] newBlocks) {
        if (newBlocks.length != blocks.length || blocks.length == 0) {
            return false;
        }
        long difference = newBlocks[0] - blocks[0];
        for (int i = 1; i < blocks.length; i++) {
            if (newBlocks[i] - blocks[i] != difference) {
                return false;
            }
        }
        shift = difference;
        return true;
    }

    private void upload() {
        tokens = 0;
        tiles = 0;
        int count = spans.length / SPAN_INTS;
        for (int i = 0; i < count; i++) {
            tokens += spans[i * SPAN_INTS + 1];
            tiles += Math.ceilDiv(spans[i * SPAN_INTS + 1] * group, ROWS);
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
            for (int j = Math.ceilDiv(spanTokens * group, ROWS) - 1; j >= 0; j--) {
                ofTiles[tile++] = i;
                ofTiles[tile++] = j * ROWS;
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
}
