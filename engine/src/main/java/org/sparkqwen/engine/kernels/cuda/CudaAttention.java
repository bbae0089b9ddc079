package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.HeadRotation;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.LayerSpans;
import org.sparkqwen.engine.kernels.Operands;

/// Attention on the device, and what prepares it: the kernels of `attention.cu`.
final class CudaAttention {
    /// The heads of a block of threads that stores them.
    private static final int STORED_HEADS = 4;

    /// The heads of a block of threads of `prepareAttention`.
    private static final int PREPARED_HEADS = 16;

    private static final int LARGEST_HEAD = 128;

    private static final double LOG2_E = 1.4426950408889634;

    private final Gpu gpu;
    private final Arguments arguments;
    private final DeviceOperands operands;
    private final SpanTable storedSpans;
    private final SpanTable attendingSpans;

    /// @param arguments free for a kernel's arguments at each call
    CudaAttention(Gpu gpu, Arguments arguments, DeviceOperands operands, Uploads uploads, OpenMemory open) {
        this.gpu = gpu;
        this.arguments = arguments;
        this.operands = operands;
        storedSpans = new SpanTable(uploads, open);
        attendingSpans = new SpanTable(uploads, open);
    }

    /// Whether [#prepare] has a kernel for these heads, which are those of nearly all models.
    static boolean isPreparedAtOnce(AttentionShape shape, LayerSpans spans) {
        return shape.headDim() == LARGEST_HEAD && spans.isOfOneFormat();
    }

    /// Norms and rotates queries and keys, and stores keys and values, see [Kernels#prepareAttention].
    void prepare(
            AttentionShape shape,
            LayerSpans spans,
            int layer,
            HeadRotation rotation,
            MemorySegment queries,
            MemorySegment keys,
            MemorySegment values) {
        int rows = rotation.positions().length;
        Operands.rotate(
                queries, shape.heads(), shape.headDim(), rotation.positions(), rotation.cosines(), rotation.sines());
        Operands.floats(keys, rows, shape.keyValueWidth());
        Operands.floats(values, rows, shape.keyValueWidth());
        gpu.use();
        storedSpans.take(shape, spans, layer);
        arguments.clear();
        storedSpans.addCache(arguments, shape);
        arguments.add(storedSpans.tokensAddress()).add(rows);
        arguments
                .add(operands.written(queries, (long) rows * shape.queryWidth()))
                .add(operands.read(keys))
                .add(operands.read(values));
        arguments.add(norm(rotation.queryNorm(), shape)).add(norm(rotation.keyNorm(), shape));
        arguments
                .add(operands.read(rotation.cosines()))
                .add(operands.read(rotation.sines()))
                .add(rotation.epsilon());
        arguments
                .add(shape.group())
                .add(format(storedSpans.format()))
                .add(operands.parts())
                .align();
        int heads = shape.heads() + 2 * shape.keyValueHeads();
        gpu.launch(
                "attention",
                "prepareAttention",
                storedSpans.tokens(),
                Math.ceilDiv(heads, PREPARED_HEADS),
                128,
                arguments);
    }

    private long norm(@Nullable MemorySegment weight, AttentionShape shape) {
        return weight == null ? 0 : operands.parameter(weight, shape.headDim());
    }

    /// Stores keys and values of one layer in the cache, see [Kernels#storeKeyValues].
    void store(AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        Operands.rows(spans, keys, shape.keyValueWidth(), values, shape.keyValueWidth());
        for (List<AttentionSpan> some : byFormat(spans)) {
            storeOneFormat(shape, LayerSpans.of(some), 0, keys, values);
        }
    }

    /// Stores keys and values of one layer of spans that all layers share, so their table is made once.
    void store(AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        if (spans.isOfOneFormat()) {
            Operands.floats(keys, spans.rows(), shape.keyValueWidth());
            Operands.floats(values, spans.rows(), shape.keyValueWidth());
            storeOneFormat(shape, spans, layer, keys, values);
        } else {
            store(shape, spans.of(layer), keys, values);
        }
    }

    private void storeOneFormat(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        gpu.use();
        storedSpans.take(shape, spans, layer);
        arguments.clear();
        storedSpans.addCache(arguments, shape);
        arguments.add(storedSpans.tokensAddress()).add(operands.read(keys)).add(operands.read(values));
        arguments.add(format(storedSpans.format())).add(operands.parts());
        int heads = Math.ceilDiv(shape.keyValueHeads(), STORED_HEADS);
        gpu.launch("attention", "storeKeyValues", storedSpans.tokens(), heads, 32 * STORED_HEADS, arguments);
    }

    /// Computes attention in one layer, see [Kernels#attention].
    void attend(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        long to = reserveTiles(shape, AttentionSpan.rows(spans), queries, out);
        for (List<AttentionSpan> some : byFormat(spans)) {
            attendOneFormat(shape, LayerSpans.of(some), 0, queries, to, scale);
        }
    }

    /// Computes attention in one layer of spans that all layers share, so their table is made once.
    void attend(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, MemorySegment out, float scale) {
        if (spans.isOfOneFormat()) {
            attendOneFormat(shape, spans, layer, queries, reserveTiles(shape, spans.rows(), queries, out), scale);
        } else {
            attend(shape, spans.of(layer), queries, out, scale);
        }
    }

    /// Makes room for the tiles that attention writes.
    private long reserveTiles(AttentionShape shape, int rows, MemorySegment queries, MemorySegment out) {
        Operands.floats(queries, rows, shape.queryWidth());
        if (shape.headDim() > LARGEST_HEAD || shape.headDim() % 2 != 0) {
            throw new IllegalArgumentException(
                    "the kernels for CUDA have no heads of %d numbers; they have even numbers up to %d"
                            .formatted(shape.headDim(), LARGEST_HEAD));
        }
        gpu.use();
        return operands.reserveTiles(out, rows, shape.queryWidth());
    }

    private void attendOneFormat(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, long to, float scale) {
        int headSize = shape.headDim() > LARGEST_HEAD / 2 ? LARGEST_HEAD : LARGEST_HEAD / 2;
        int shared = 2 * 2 * operands.parts() * 32 * (headSize + 8) * Short.BYTES;
        SpanTable table = storedSpans.isOf(spans) ? storedSpans : attendingSpans;
        table.take(shape, spans, layer);
        arguments.clear();
        table.addCache(arguments, shape);
        arguments.add(table.tilesAddress()).add(operands.read(queries)).add(to);
        arguments.add(TiledRows.tiles(shape.queryWidth())).add(shape.group());
        arguments.add((float) (scale * LOG2_E)).align();
        String name = "_Z9attentionILi%dELi%dELi%dEEv9Attention"
                .formatted(headSize, operands.parts(), format(table.format()));
        long kernel = gpu.kernel("attention", name, shared);
        gpu.launch(kernel, table.tiles(), shape.keyValueHeads(), 2 * table.tileRows(), shared, arguments);
    }

    /// Spans of each format, of those that have tokens.
    private static Collection<List<AttentionSpan>> byFormat(List<AttentionSpan> spans) {
        Map<KeyValueFormat, List<AttentionSpan>> all = new EnumMap<>(KeyValueFormat.class);
        for (AttentionSpan span : spans) {
            if (span.tokens() > 0) {
                all.computeIfAbsent(span.format(), _ -> new ArrayList<>()).add(span);
            }
        }
        return all.values();
    }

    /// The number of a format in `attention.cu`.
    private static int format(KeyValueFormat format) {
        return switch (format) {
            case F32 -> 0;
            case BF16 -> 1;
            case INT8 -> 2;
        };
    }
}
