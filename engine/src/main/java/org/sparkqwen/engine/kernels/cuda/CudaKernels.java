package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HeadRotation;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LayerSpans;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.Pending;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.TokenChooser;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.RowTable;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;

/// The operations as kernels on a GPU. An operation starts its kernels and returns; those that return numbers to the
/// host wait for them. So the host is ahead of the device, and prepares what comes next.
///
/// Norms, attention and SwiGLU only prepare the input of products. They write it in the form in which products read it
/// ([TiledRows]), and nothing as float32. A norm in place is the exception: it writes float32 numbers, from which the
/// head's product makes its own tiles.
final class CudaKernels implements Kernels {
    /// The heads of a block of threads that rotates them.
    private static final int ROTATED_HEADS = 4;

    /// The rows of batches whose kernels start early. Those of larger batches take so long that it does not matter,
    /// and became slower by 1 %.
    private static final int EARLY_ROWS = 2048;

    private final Gpu gpu;
    private final Kernels host; // for what the host computes: routes, and work on rows outside of operations
    private final Arena arena = Arena.ofShared();
    private final Arguments arguments;
    private final Precision precision;
    private final OpenMemory open;
    private final DeviceWeights weights;
    private final Uploads uploads;
    private final DeviceOperands operands;
    private final Products products;
    private final CudaAttention attention;
    private final CudaMixture mixture;
    private final CudaReductions reductions;
    private final Gpu.HostScratch routerLogits;
    private boolean closed;

    CudaKernels(int threads, Precision precision, int device) {
        gpu = new Gpu(device);
        this.precision = precision;
        boolean twoParts = precision == Precision.FLOAT32;
        host = new ScalarProvider().create(threads);
        arguments = new Arguments(arena);
        open = new OpenMemory(gpu);
        weights = new DeviceWeights(gpu, new Arguments(arena), twoParts);
        uploads = new Uploads(gpu);
        operands = new DeviceOperands(gpu, arguments, open, weights, twoParts ? 2 : 1);
        products = new Products(gpu, arguments, operands.parts());
        attention = new CudaAttention(gpu, arguments, operands, uploads, open);
        mixture = new CudaMixture(gpu, arguments, operands, weights, uploads, products);
        reductions = new CudaReductions(gpu, arguments, operands, weights, uploads, products);
        routerLogits = new Gpu.HostScratch(gpu);
    }

    /// The bytes of the device that operations take beside their operands.
    static long deviceBytes(OperationSizes sizes) {
        long tiles = 3L * sizes.tokens() * sizes.inputs() * Float.BYTES;
        long expertRows = sizes.experts() == 0 ? 0 : ExpertGroup.MOST_ROWS + 128L * sizes.experts();
        long ofExperts = 3 * expertRows * sizes.inputs() * Float.BYTES;
        return tiles + CudaReductions.deviceBytes(sizes) + ofExperts + (512L << 20);
    }

    @Override
    public Buffers newBuffers() {
        return new DeviceBuffers(gpu, weights, open);
    }

    @Override
    public void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        Operands.embed(table, tokens, out);
        gpu.use().startEarly(tokens.length <= EARLY_ROWS);
        long to = operands.written(out, (long) tokens.length * table.inputs());
        if (tokens.length == 0) {
            return;
        }
        switch (table) {
            case Matrix matrix
            when matrix.format() == KnownFormat.BF16 -> {
                DeviceWeights.Tiled tiled = weights.sideBySide(List.of(matrix));
                arguments.clear().add(tiled.tiles()).add(matrix.inputs()).add(tiled.inputTiles());
                arguments.add(uploads.ints(tokens)).add(to);
                gpu.launch("weights", "embedTiles", tokens.length, 1, Gpu.ROW_THREADS, arguments);
            }
            case Matrix matrix -> {
                arguments.clear().add(weights.plain(matrix.panels(), matrix.bytes()));
                arguments.add(DeviceWeights.format(matrix.format())).add(matrix.inputs());
                arguments.add(uploads.ints(tokens)).add(to);
                gpu.launch("weights", "embedPanels", tokens.length, 1, Gpu.ROW_THREADS, arguments);
            }
            case RowTable rows -> {
                long rowBytes = rows.format().rowBytes(rows.inputs());
                arguments.clear().add(weights.plain(rows.rows(), rows.outputs() * rowBytes));
                arguments.add(DeviceWeights.format(rows.format())).add(rowBytes).add(rows.inputs());
                arguments.add(uploads.ints(tokens)).add(to);
                gpu.launch("weights", "embedRows", tokens.length, 1, Gpu.ROW_THREADS, arguments);
            }
        }
    }

    @Override
    public void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        Operands.gatherRows(in, width, rows, out);
        gpu.use();
        long to = operands.written(out, (long) rows.length * width);
        if (rows.length > 0) {
            arguments
                    .clear()
                    .add(operands.read(in))
                    .add(uploads.ints(rows))
                    .add(to)
                    .add(width);
            gpu.launch("rows", "gatherRows", rows.length, 1, Gpu.ROW_THREADS, arguments);
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
            long rows = operands.tiles(in, tokens, inputs);
            List<Products.Segment> segments = new ArrayList<>();
            for (int i = 0; i < some.size(); i++) {
                Projection projection = some.get(i);
                int outputs = projection.weight().outputs();
                MemorySegment bias = projection.bias();
                segments.add(new Products.Segment(
                        operands.written(projection.out(), (long) tokens * outputs),
                        bias == null ? 0 : operands.parameter(bias, outputs),
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
        long rows = operands.tiles(in, tokens, weight.inputs());
        products.add(rows, tokens, tiled, weight.outputs(), operands.written(sum, (long) tokens * weight.outputs()));
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        Operands.swiGlu(in, tokens, gate, up, out);
        gpu.use();
        DeviceWeights.Tiled tiled = weights.inTurns(gate, up);
        long rows = operands.tiles(in, tokens, gate.inputs());
        long to = operands.reserveTiles(out, tokens, gate.outputs());
        products.swiGlu(rows, tokens, tiled, null, gate.outputs(), to);
    }

    @Override
    public Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        Operands.route(logits, tokens, experts, perToken);
        gpu.use();
        MemorySegment copy = routerLogits.reserve((long) tokens * experts * Float.BYTES);
        gpu.toHost(operands.read(logits), copy);
        return host.route(copy, tokens, experts, perToken, normalised);
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        mixture.add(in, experts, gated, sum);
    }

    @Override
    public void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon) {
        Operands.rmsNorm(in, weight, out, rows, width);
        gpu.use();
        long from = operands.read(in);
        boolean inPlace = in.address() == out.address();
        long numbers = inPlace ? operands.written(out, (long) rows * width) : 0;
        long tiles = 0;
        if (!inPlace) {
            open.address(out, (long) rows * width * Float.BYTES);
            tiles = open.tilesOf(out.address()).reserve(rows, width, operands.parts());
        }
        if (rows > 0) {
            arguments
                    .clear()
                    .add(from)
                    .add(operands.parameter(weight, width))
                    .add(numbers)
                    .add(tiles);
            arguments
                    .add(width)
                    .add(operands.parts())
                    .add(TiledRows.tiles(width))
                    .add(epsilon);
            gpu.launch("rows", "rmsNorm", rows, 1, Gpu.ROW_THREADS, arguments);
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
        rotate(x, operands.parameter(weight, headDim), epsilon, heads, headDim, positions, cosines, sines);
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
        long to = operands.written(x, (long) units * headDim);
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
            arguments.add(places).add(operands.read(cosines)).add(operands.read(sines));
            gpu.launch("rows", "rotate", Math.ceilDiv(units, ROTATED_HEADS), 1, 32 * ROTATED_HEADS, arguments);
        }
    }

    @Override
    public void prepareAttention(
            AttentionShape shape,
            LayerSpans spans,
            int layer,
            HeadRotation rotation,
            MemorySegment queries,
            MemorySegment keys,
            MemorySegment values) {
        if (CudaAttention.isPreparedAtOnce(shape, spans)) {
            attention.prepare(shape, spans, layer, rotation, queries, keys, values);
        } else {
            Kernels.super.prepareAttention(shape, spans, layer, rotation, queries, keys, values);
        }
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        attention.store(shape, spans, keys, values);
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        attention.store(shape, spans, layer, keys, values);
    }

    @Override
    public void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        attention.attend(shape, spans, queries, out, scale);
    }

    @Override
    public void attention(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, MemorySegment out, float scale) {
        attention.attend(shape, spans, layer, queries, out, scale);
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
        return reductions.startLogProbabilities(head, in, targets, out, likeliest, moments);
    }

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        reductions.logSumExp(logits, count, out);
    }

    @Override
    public void likeliest(MemorySegment logits, int width, int count, int[] out) {
        reductions.likeliest(logits, width, count, out);
    }

    @Override
    public Optional<TokenChooser> tokenChooser() {
        return Optional.of(reductions::choose);
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
        operands.free();
        mixture.free();
        reductions.free();
        routerLogits.free();
        gpu.close();
        arena.close();
    }
}
