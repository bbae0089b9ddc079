package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.EmbeddingTable;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HeadRotation;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.KnownFormat;
import org.sparkqwen.engine.kernels.LayerSpans;
import org.sparkqwen.engine.kernels.Matrix;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.Pending;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.RowTable;
import org.sparkqwen.engine.kernels.ScalarProvider;
import org.sparkqwen.engine.kernels.TokenChoice;
import org.sparkqwen.engine.kernels.TokenChooser;

/// The operations as kernels on a GPU. An operation starts its kernels and returns; those that return numbers to the
/// host wait for them. So the host is ahead of the device, and prepares what comes next.
///
/// Norms, attention and SwiGLU only prepare the input of products. They write it in the form in which products read it
/// ([TiledRows]), and nothing as float32. A norm in place is the exception: it writes float32 numbers, from which the
/// head's product makes its own tiles.
final class CudaKernels implements Kernels {
    /// The rows whose logits the head reduces at a time: those of the largest default batch.
    private static final int SCORED_ROWS = 16_896;

    /// The logits of a row that are reduced together, see `product.cu`.
    private static final int CHUNK = 128;

    private static final int CHUNK_BYTES = 20;
    private static final int SCORE_BYTES = 40;
    private static final int ROW_THREADS = 256;
    /// The heads of a block of threads that rotates or stores them.
    private static final int BLOCK_HEADS = 4;

    /// The heads of a block of threads of `prepareAttention`.
    private static final int PREPARED_HEADS = 16;

    private static final int LARGEST_HEAD = 128;

    /// The rows of batches whose kernels start early. Those of larger batches take so long that it does not matter,
    /// and became slower by 1 %.
    private static final int EARLY_ROWS = 2048;

    private static final double LOG2_E = 1.4426950408889634;

    private final Gpu gpu;
    private final Kernels host; // for what the host computes: routes, and work on rows outside of operations
    private final Arena arena = Arena.ofShared();
    private final Arguments arguments;
    private final Precision precision;
    private final int parts;
    private final OpenMemory open;
    private final DeviceWeights weights;
    private final Uploads uploads;
    private final Products products;
    private final SpanTable storedSpans;
    private final SpanTable attendingSpans;
    private final TiledRows split;
    private final TiledRows expertInputs;
    private final TiledRows expertGated;
    private final Gpu.Scratch expertOutputs;
    private final Gpu.Scratch chunks;
    private final Gpu.Scratch chosen;
    private final Gpu.Scratch scores;
    private final Gpu.HostScratch results;
    private final Arrivals arrivals;
    private boolean closed;

    CudaKernels(int threads, Precision precision, int device) {
        gpu = new Gpu(device);
        this.precision = precision;
        parts = precision == Precision.FLOAT32 ? 2 : 1;
        host = new ScalarProvider().create(threads);
        arguments = new Arguments(arena);
        open = new OpenMemory(gpu);
        weights = new DeviceWeights(gpu, new Arguments(arena), precision == Precision.FLOAT32);
        uploads = new Uploads(gpu);
        products = new Products(gpu, arguments, parts);
        storedSpans = new SpanTable(uploads, open);
        attendingSpans = new SpanTable(uploads, open);
        split = new TiledRows(gpu);
        expertInputs = new TiledRows(gpu);
        expertGated = new TiledRows(gpu);
        expertOutputs = new Gpu.Scratch(gpu);
        chunks = new Gpu.Scratch(gpu);
        chosen = new Gpu.Scratch(gpu);
        scores = new Gpu.Scratch(gpu);
        results = new Gpu.HostScratch(gpu);
        arrivals = new Arrivals(gpu);
    }

    /// The bytes of the device that operations take beside their operands.
    static long deviceBytes(OperationSizes sizes) {
        long tiles = 3L * sizes.tokens() * sizes.inputs() * Float.BYTES;
        long head = (long) Math.min(sizes.tokens(), SCORED_ROWS) * chunks(sizes.vocabulary()) * CHUNK_BYTES;
        long expertRows = sizes.experts() == 0 ? 0 : ExpertGroup.MOST_ROWS + 128L * sizes.experts();
        long experts = 3 * expertRows * sizes.inputs() * Float.BYTES;
        return tiles + head + experts + (512L << 20);
    }

    private static int chunks(int vocabulary) {
        return Math.ceilDiv(vocabulary, CHUNK);
    }

    @Override
    public Buffers newBuffers() {
        return new DeviceBuffers(gpu, weights, open);
    }

    @Override
    public void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        Operands.embed(table, tokens, out);
        gpu.use().startEarly(tokens.length <= EARLY_ROWS);
        long to = written(out, (long) tokens.length * table.inputs());
        if (tokens.length == 0) {
            return;
        }
        switch (table) {
            case Matrix matrix
            when matrix.format() == KnownFormat.BF16 -> {
                DeviceWeights.Tiled tiled = weights.sideBySide(List.of(matrix));
                arguments.clear().add(tiled.tiles()).add(matrix.inputs()).add(tiled.inputTiles());
                arguments.add(uploads.ints(tokens)).add(to);
                launch("weights", "embedTiles", tokens.length, 1, ROW_THREADS);
            }
            case Matrix matrix -> {
                arguments.clear().add(weights.plain(matrix.panels(), matrix.bytes()));
                arguments.add(DeviceWeights.format(matrix.format())).add(matrix.inputs());
                arguments.add(uploads.ints(tokens)).add(to);
                launch("weights", "embedPanels", tokens.length, 1, ROW_THREADS);
            }
            case RowTable rows -> {
                long rowBytes = rows.format().rowBytes(rows.inputs());
                arguments.clear().add(weights.plain(rows.rows(), rows.outputs() * rowBytes));
                arguments.add(DeviceWeights.format(rows.format())).add(rowBytes).add(rows.inputs());
                arguments.add(uploads.ints(tokens)).add(to);
                launch("weights", "embedRows", tokens.length, 1, ROW_THREADS);
            }
        }
    }

    @Override
    public void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        Operands.gatherRows(in, width, rows, out);
        gpu.use();
        long to = written(out, (long) rows.length * width);
        if (rows.length > 0) {
            arguments.clear().add(read(in)).add(uploads.ints(rows)).add(to).add(width);
            launch("rows", "gatherRows", rows.length, 1, ROW_THREADS);
        }
    }

    @Override
    public void linear(MemorySegment in, int tokens, List<Projection> projections) {
        Operands.linear(in, tokens, projections);
        gpu.use();
        for (int from = 0; from < projections.size(); from += Products.SEGMENTS) {
            List<Projection> some = projections.subList(from, Math.min(from + Products.SEGMENTS, projections.size()));
            List<Matrix> matrices = some.stream().map(Projection::weight).toList();
            DeviceWeights.Tiled tiled = weights.sideBySide(matrices);
            int inputs = matrices.getFirst().inputs();
            long rows = tiles(in, tokens, inputs);
            List<Products.Segment> segments = new ArrayList<>();
            for (int i = 0; i < some.size(); i++) {
                Projection projection = some.get(i);
                int outputs = projection.weight().outputs();
                MemorySegment bias = projection.bias();
                segments.add(new Products.Segment(
                        written(projection.out(), (long) tokens * outputs),
                        bias == null ? 0 : number(bias, outputs),
                        tiled.firsts()[i],
                        outputs));
            }
            products.store(rows, tokens, tiled, segments);
        }
    }

    @Override
    public void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum) {
        Operands.linear(in, tokens, List.of(new Projection(weight, sum)));
        gpu.use();
        DeviceWeights.Tiled tiled = weights.sideBySide(List.of(weight));
        long rows = tiles(in, tokens, weight.inputs());
        products.add(rows, tokens, tiled, weight.outputs(), written(sum, (long) tokens * weight.outputs()));
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        Operands.swiGlu(in, tokens, gate, up, out);
        gpu.use();
        DeviceWeights.Tiled tiled = weights.inTurns(gate, up);
        long rows = tiles(in, tokens, gate.inputs());
        open.address(out, (long) tokens * gate.outputs() * Float.BYTES);
        long to = reserve(open.tilesOf(out.address()), tokens, gate.outputs());
        products.swiGlu(rows, tokens, tiled, null, gate.outputs(), to);
    }

    @Override
    public Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        Operands.route(logits, tokens, experts, perToken);
        gpu.use();
        MemorySegment copy = results.reserve((long) tokens * experts * Float.BYTES);
        gpu.toHost(read(logits), copy);
        return host.route(copy, tokens, experts, perToken, normalised);
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        Operands.experts(in, experts, gated, sum);
        gpu.use();
        int hidden = experts.getFirst().gate().inputs();
        long to = written(sum, 0);
        int batchRows = 0;
        List<ExpertGroup.Placed> placed = new ArrayList<>();
        for (ExpertRows expert : experts) {
            for (int row : expert.rows()) {
                batchRows = Math.max(batchRows, row + 1);
            }
            placed.add(new ExpertGroup.Placed(
                    expert, weights.inTurns(expert.gate(), expert.up()), weights.sideBySide(List.of(expert.down()))));
        }
        long from = open.writtenTiles(in.address(), batchRows, hidden);
        for (ExpertGroup group : ExpertGroup.of(placed, batchRows)) {
            addExperts(group, from, in, hidden, experts.getFirst().gate().outputs(), to);
        }
    }

    /// Computes the experts of a group in two products, and adds each token's outputs.
    ///
    /// @param from address of the tiles of `in`; 0 if it has float32 numbers
    private void addExperts(ExpertGroup group, long from, MemorySegment in, int hidden, int intermediate, long sum) {
        uploads.require(group.tableBytes());
        int count = group.rows().length;
        long rows = uploads.ints(group.rows());
        Products.Experts gateAndUp = new Products.Experts(uploads.longs(group.gateAndUp()), group.rowsOfTile());
        Products.Experts down = new Products.Experts(uploads.longs(group.down()), group.rowsOfTile());
        long starts = uploads.ints(group.starts());
        long places = uploads.ints(group.places());
        long shares = uploads.floats(group.shares());
        long inputs = expertInputs.reserve(count, hidden, parts);
        if (from == 0) {
            split(read(in), rows, count, hidden, inputs);
        } else {
            arguments.clear().add(from).add(rows).add(inputs).add(parts).add(TiledRows.tiles(hidden));
            launch("rows", "gatherTiles", count, 1, ROW_THREADS);
        }
        long between = reserve(expertGated, count, intermediate);
        products.swiGlu(inputs, count, group.gateAndUpForm(), gateAndUp, intermediate, between);
        long outputs = expertOutputs.reserve((long) count * hidden * Float.BYTES);
        products.store(between, count, group.downForm(), down, hidden, outputs);
        arguments
                .clear()
                .add(outputs)
                .add(starts)
                .add(places)
                .add(shares)
                .add(sum)
                .add(hidden);
        launch("rows", "addShares", group.starts().length - 1, 1, ROW_THREADS);
    }

    @Override
    public void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon) {
        Operands.rmsNorm(in, weight, out, rows, width);
        gpu.use();
        long from = read(in);
        boolean inPlace = in.address() == out.address();
        long numbers = inPlace ? written(out, (long) rows * width) : 0;
        long tiles = 0;
        if (!inPlace) {
            open.address(out, (long) rows * width * Float.BYTES);
            tiles = open.tilesOf(out.address()).reserve(rows, width, parts);
        }
        if (rows > 0) {
            arguments.clear().add(from).add(number(weight, width)).add(numbers).add(tiles);
            arguments.add(width).add(parts).add(TiledRows.tiles(width)).add(epsilon);
            launch("rows", "rmsNorm", rows, 1, ROW_THREADS);
        }
    }

    @Override
    public void normAndRotate(
            MemorySegment x,
            MemorySegment weight,
            float epsilon,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines) {
        Operands.floats(weight, 1, headDim);
        Operands.rotate(x, heads, headDim, positions, cosines, sines);
        gpu.use();
        rotate(x, number(weight, headDim), epsilon, heads, headDim, positions, cosines, sines);
    }

    @Override
    public void rotate(
            MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines) {
        Operands.rotate(x, heads, headDim, positions, cosines, sines);
        gpu.use();
        rotate(x, 0, 0, heads, headDim, positions, cosines, sines);
    }

    /// @param weight address of the norm's weight; 0 for no norm
    private void rotate(
            MemorySegment x,
            long weight,
            float epsilon,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines) {
        int units = Math.multiplyExact(positions.length, heads);
        long to = written(x, (long) units * headDim);
        if (units > 0) {
            long places = uploads.sameInts(positions);
            arguments
                    .clear()
                    .add(to)
                    .add(weight)
                    .add(epsilon)
                    .add(heads)
                    .add(headDim)
                    .add(positions.length);
            arguments.add(places).add(read(cosines)).add(read(sines));
            launch("rows", "rotate", Math.ceilDiv(units, BLOCK_HEADS), 1, 32 * BLOCK_HEADS);
        }
    }

    /// Does all of it in one kernel for the heads that nearly all models have.
    @Override
    public void prepareAttention(
            AttentionShape shape,
            LayerSpans spans,
            int layer,
            HeadRotation rotation,
            MemorySegment queries,
            MemorySegment keys,
            MemorySegment values) {
        if (shape.headDim() != LARGEST_HEAD || !spans.isOfOneFormat()) {
            Kernels.super.prepareAttention(shape, spans, layer, rotation, queries, keys, values);
            return;
        }
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
                .add(written(queries, (long) rows * shape.queryWidth()))
                .add(read(keys))
                .add(read(values));
        arguments.add(norm(rotation.queryNorm(), shape)).add(norm(rotation.keyNorm(), shape));
        arguments.add(read(rotation.cosines())).add(read(rotation.sines())).add(rotation.epsilon());
        arguments
                .add(shape.group())
                .add(format(storedSpans.format()))
                .add(parts)
                .align();
        int heads = shape.heads() + 2 * shape.keyValueHeads();
        launch("attention", "prepareAttention", storedSpans.tokens(), Math.ceilDiv(heads, PREPARED_HEADS), 128);
    }

    private long norm(@Nullable MemorySegment weight, AttentionShape shape) {
        return weight == null ? 0 : number(weight, shape.headDim());
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        Operands.rows(spans, keys, shape.keyValueWidth(), values, shape.keyValueWidth());
        for (List<AttentionSpan> some : byFormat(spans)) {
            store(shape, LayerSpans.of(some), 0, keys, values);
        }
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        if (spans.isOfOneFormat()) {
            Operands.floats(keys, spans.rows(), shape.keyValueWidth());
            Operands.floats(values, spans.rows(), shape.keyValueWidth());
            store(shape, spans, layer, keys, values);
        } else {
            storeKeyValues(shape, spans.of(layer), keys, values);
        }
    }

    private void store(AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        gpu.use();
        storedSpans.take(shape, spans, layer);
        arguments.clear();
        storedSpans.addCache(arguments, shape);
        arguments.add(storedSpans.tokensAddress()).add(read(keys)).add(read(values));
        arguments.add(format(storedSpans.format())).add(parts);
        int heads = Math.ceilDiv(shape.keyValueHeads(), BLOCK_HEADS);
        launch("attention", "storeKeyValues", storedSpans.tokens(), heads, 32 * BLOCK_HEADS);
    }

    @Override
    public void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        long to = attentionTiles(shape, AttentionSpan.rows(spans), queries, out);
        for (List<AttentionSpan> some : byFormat(spans)) {
            attend(shape, LayerSpans.of(some), 0, queries, to, scale);
        }
    }

    @Override
    public void attention(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, MemorySegment out, float scale) {
        if (spans.isOfOneFormat()) {
            attend(shape, spans, layer, queries, attentionTiles(shape, spans.rows(), queries, out), scale);
        } else {
            attention(shape, spans.of(layer), queries, out, scale);
        }
    }

    /// Makes room for the tiles that attention writes.
    private long attentionTiles(AttentionShape shape, int rows, MemorySegment queries, MemorySegment out) {
        Operands.floats(queries, rows, shape.queryWidth());
        if (shape.headDim() > LARGEST_HEAD || shape.headDim() % 2 != 0) {
            throw new IllegalArgumentException(
                    "the kernels for CUDA have no heads of %d numbers; they have even numbers up to %d"
                            .formatted(shape.headDim(), LARGEST_HEAD));
        }
        gpu.use();
        open.address(out, (long) rows * shape.queryWidth() * Float.BYTES);
        return reserve(open.tilesOf(out.address()), rows, shape.queryWidth());
    }

    private void attend(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, long to, float scale) {
        int headSize = shape.headDim() > LARGEST_HEAD / 2 ? LARGEST_HEAD : LARGEST_HEAD / 2;
        int shared = 2 * 2 * parts * 32 * (headSize + 8) * Short.BYTES;
        SpanTable table = storedSpans.isOf(spans) ? storedSpans : attendingSpans;
        table.take(shape, spans, layer);
        arguments.clear();
        table.addCache(arguments, shape);
        arguments.add(table.tilesAddress()).add(read(queries)).add(to);
        arguments.add(TiledRows.tiles(shape.queryWidth())).add(shape.group());
        arguments.add((float) (scale * LOG2_E)).align();
        String name = "_Z9attentionILi%dELi%dELi%dEEv9Attention".formatted(headSize, parts, format(table.format()));
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

    @Override
    public void logProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        startLogProbabilities(head, in, targets, out, likeliest, moments).await();
    }

    @Override
    public Pending startLogProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        Operands.logProbabilities(head, in, targets, out, likeliest, moments);
        gpu.use();
        int rows = targets.length;
        if (rows == 0) {
            return Pending.DONE;
        }
        DeviceWeights.Tiled tiled = weights.sideBySide(List.of(head));
        int chunksOfRow = chunks(head.outputs());
        int most = Math.min(rows, SCORED_ROWS);
        long reduced = chunks.reserve((long) most * chunksOfRow * CHUNK_BYTES);
        long logits = chosen.reserve((long) most * Float.BYTES);
        long combined = scores.reserve((long) rows * SCORE_BYTES);
        long wanted = uploads.ints(targets);
        long written = open.writtenTiles(in.address(), rows, head.inputs());
        for (int first = 0; first < rows; first += most) {
            int some = Math.min(most, rows - first);
            long tiles;
            if (written == 0) {
                tiles = split.reserve(some, head.inputs(), parts);
                split(read(in) + (long) first * head.inputs() * Float.BYTES, 0, some, head.inputs(), tiles);
            } else {
                tiles = written + (long) first / TiledRows.TILE * parts * tiled.inputTiles() * TiledRows.TILE_BYTES;
            }
            long theirTargets = wanted + (long) first * Integer.BYTES;
            products.score(tiles, some, tiled, head.outputs(), reduced, theirTargets, logits);
            combine(reduced, chunksOfRow, logits, theirTargets, combined + (long) first * SCORE_BYTES, some);
        }
        return arrivals.start(combined, (long) rows * SCORE_BYTES, copy -> takeScores(copy, out, likeliest, moments));
    }

    private static void takeScores(MemorySegment copy, double[] out, boolean[] likeliest, @Nullable Moments moments) {
        for (int row = 0; row < out.length; row++) {
            long at = (long) row * SCORE_BYTES;
            out[row] = copy.get(JAVA_DOUBLE, at + Double.BYTES);
            likeliest[row] = copy.get(JAVA_INT, at + 4 * Double.BYTES) == 1;
            if (moments != null) {
                moments.means()[row] = copy.get(JAVA_DOUBLE, at + 2 * Double.BYTES);
                moments.deviations()[row] = copy.get(JAVA_DOUBLE, at + 3 * Double.BYTES);
            }
        }
    }

    private void combine(long reduced, int chunksOfRow, long logits, long targets, long to, int rows) {
        arguments.clear().add(reduced).add(chunksOfRow).add(logits).add(targets).add(to);
        launch("rows", "combine", rows, 1, 32);
    }

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        Operands.floats(logits, out.length, count);
        gpu.use();
        if (out.length == 0) {
            return;
        }
        long combined = scores.reserve((long) out.length * SCORE_BYTES);
        sums(read(logits), count, combined, out.length);
        MemorySegment copy = results.reserve((long) out.length * SCORE_BYTES);
        gpu.toHost(combined, copy);
        takeSums(copy, out);
    }

    /// Reduces rows of logits to a score each.
    private void sums(long logits, int count, long to, int rows) {
        int chunksOfRow = chunks(count);
        long reduced = chunks.reserve((long) rows * chunksOfRow * CHUNK_BYTES);
        arguments.clear().add(logits).add(count).add(count).add(reduced).add(chunksOfRow);
        launch("rows", "reduceLogits", rows, Math.ceilDiv(chunksOfRow, ROW_THREADS / 4), ROW_THREADS);
        combine(reduced, chunksOfRow, 0, 0, to, rows);
    }

    private static void takeSums(MemorySegment copy, double[] out) {
        for (int row = 0; row < out.length; row++) {
            out[row] = copy.get(JAVA_DOUBLE, (long) row * SCORE_BYTES);
        }
    }

    @Override
    public void likeliest(MemorySegment logits, int width, int count, int[] out) {
        Operands.likeliest(logits, width, count, out.length);
        gpu.use();
        if (out.length == 0) {
            return;
        }
        long found = scores.reserve((long) out.length * SCORE_BYTES);
        arguments.clear().add(read(logits)).add(width).add(count).add(found);
        launch("rows", "likeliest", out.length, 1, 1024);
        MemorySegment copy = results.reserve((long) out.length * Integer.BYTES);
        gpu.toHost(found, copy);
        MemorySegment.copy(copy, JAVA_INT, 0, out, 0, out.length);
    }

    @Override
    public Optional<TokenChooser> tokenChooser() {
        return Optional.of(this::choose);
    }

    private void choose(
            MemorySegment logits,
            int width,
            int count,
            List<TokenChoice> choices,
            int[] tokens,
            float[] chosenLogits,
            double[] sums) {
        int rows = choices.size();
        Operands.likeliest(logits, width, count, rows);
        gpu.use();
        if (rows == 0) {
            return;
        }
        long sumBytes = (long) rows * SCORE_BYTES;
        long combined = scores.reserve(sumBytes + (long) rows * Long.BYTES);
        sums(read(logits), width, combined, rows);
        long address = uploads.longs(new ChoiceTable(choices).upload(uploads));
        arguments.clear().add(read(logits)).add(width).add(count).add(address).add(combined + sumBytes);
        launch("sampling", "chooseTokens", rows, 1, 1024);
        MemorySegment copy = results.reserve(sumBytes + (long) rows * Long.BYTES);
        gpu.toHost(combined, copy);
        takeSums(copy, sums);
        for (int row = 0; row < rows; row++) {
            tokens[row] = copy.get(JAVA_INT, sumBytes + (long) row * Long.BYTES);
            chosenLogits[row] = copy.get(JAVA_FLOAT, sumBytes + (long) row * Long.BYTES + Integer.BYTES);
        }
    }

    @Override
    public double exponentials(float[] numbers, int count, float maximum, float temperature) {
        return host.exponentials(numbers, count, maximum, temperature);
    }

    @Override
    public void each(int count, IntConsumer work) {
        host.each(count, work);
    }

    @Override
    public void measurePeak(@Nullable PartProbe probe) {
        host.measurePeak(probe);
    }

    /// All rows of a batch, because the device has room for them, and few rows leave parts of it idle.
    @Override
    public int feedForwardRows(int ofProcessor) {
        return Integer.MAX_VALUE;
    }

    @Override
    public int threads() {
        return host.threads();
    }

    @Override
    public String description() {
        return "CUDA on %s, %s".formatted(gpu.use().name(), precision);
    }

    @Override
    public Optional<DeviceUse> deviceUse() {
        BusyTime busy = gpu.busy();
        return Optional.of(
                new DeviceUse(gpu.allocatedBytes(), gpu.use().memoryBytes(), busy.busyNanos(), busy.waitedNanos()));
    }

    /// The address of an operand that is read as float32 numbers.
    private long read(MemorySegment operand) {
        return open.address(operand, 0);
    }

    /// The address of an operand to which float32 numbers are written.
    private long written(MemorySegment operand, long floats) {
        open.written(operand.address());
        return open.address(operand, floats * Float.BYTES);
    }

    /// The address of a norm's weight or a bias.
    private long number(MemorySegment operand, long floats) {
        return weights.isAdopted(operand)
                ? weights.plain(operand, floats * Float.BYTES)
                : open.address(operand, floats * Float.BYTES);
    }

    /// The tiles of an operand: those that were written in place of float32 numbers, or tiles made of these.
    private long tiles(MemorySegment in, int rows, int width) {
        long written = open.writtenTiles(in.address(), rows, width);
        if (written != 0) {
            return written;
        }
        long from = open.address(in, (long) rows * width * Float.BYTES);
        long tiles = split.reserve(rows, width, parts);
        split(from, 0, rows, width, tiles);
        return tiles;
    }

    /// Makes room for tiles of which a kernel writes only the inputs that there are.
    private long reserve(TiledRows tiled, int rows, int width) {
        long address = tiled.reserve(rows, width, parts);
        if (width % TiledRows.TILE != 0) {
            gpu.zero(address, (long) TiledRows.tiles(rows) * parts * TiledRows.tiles(width) * TiledRows.TILE_BYTES);
        }
        return address;
    }

    private void split(long from, long rowIndices, int rows, int width, long to) {
        if (rows > 0) {
            arguments
                    .clear()
                    .add(from)
                    .add(rowIndices)
                    .add(to)
                    .add(width)
                    .add(parts)
                    .add(TiledRows.tiles(width));
            launch("rows", "split", rows, 1, ROW_THREADS);
        }
    }

    private void launch(String source, String name, int x, int y, int threads) {
        gpu.launch(gpu.kernel(source, name, 0), x, y, threads, 0, arguments);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        gpu.use();
        gpu.synchronize();
        host.close();
        weights.close();
        open.close();
        uploads.close();
        List.of(split, expertInputs, expertGated).forEach(TiledRows::free);
        List.of(chunks, chosen, scores, expertOutputs).forEach(Gpu.Scratch::free);
        results.free();
        arrivals.close();
        gpu.close();
        arena.close();
    }
}
