package org.sparkqwen.engine.testing;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.RowTable;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;

/// The scalar kernels as a back-end whose memory nobody else may touch, like a device's.
///
/// Its buffers belong to a thread that only makes them, so every access of other code to their numbers throws
/// [WrongThreadException]. Each operand of an operation must be a buffer of this back-end that is not yet freed.
public final class SeparateMemoryKernels implements Kernels {
    private static final ExecutorService OWNER =
            Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().factory());

    /// The arena of the owner. It is never closed, and the memory of the buffers belongs to others.
    private static final Arena OWNED =
            CompletableFuture.supplyAsync(Arena::ofConfined, OWNER).join();

    /// The sizes of all open buffers of all instances, by address.
    private static final NavigableMap<Long, Long> OPEN = new ConcurrentSkipListMap<>();

    private final Kernels scalar;
    private final Device device;
    private final long start = System.nanoTime();

    /// @param device what these kernels say they compute on
    public SeparateMemoryKernels(int threads, Precision precision, Device device) {
        scalar = new ScalarProvider().create(threads, precision);
        this.device = device;
    }

    /// The number of buffers that are not freed.
    public static int openBuffers() {
        return OPEN.size();
    }

    /// The memory of an operand, for this back-end to read and write.
    ///
    /// @throws IllegalArgumentException if it lies in no open buffer
    @SuppressWarnings("restricted") // the address is one of the buffers
    private static MemorySegment own(MemorySegment operand) {
        Map.Entry<Long, Long> buffer = OPEN.floorEntry(operand.address());
        if (buffer == null || operand.address() + operand.byteSize() > buffer.getKey() + buffer.getValue()) {
            throw new IllegalArgumentException("an operand is no buffer of this back-end");
        }
        return MemorySegment.ofAddress(operand.address()).reinterpret(operand.byteSize());
    }

    private static Matrix own(Matrix weight) {
        return new Matrix(weight.format(), weight.outputs(), weight.inputs(), own(weight.panels()));
    }

    private static List<AttentionSpan> own(List<AttentionSpan> spans) {
        return spans.stream()
                .map(span -> new AttentionSpan(
                        span.row(),
                        span.tokens(),
                        span.position(),
                        span.format(),
                        span.blocks().stream().map(SeparateMemoryKernels::own).toList()))
                .toList();
    }

    private static final class OwnBuffers implements Buffers {
        private final Arena arena = Arena.ofShared();
        private final List<Long> addresses = new ArrayList<>();
        private final Map<Long, MemorySegment> hosts = new HashMap<>(); // of what was adopted

        @Override
        @SuppressWarnings("restricted") // without a clean-up
        public synchronized MemorySegment allocate(long bytes) {
            MemorySegment memory = arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
            addresses.add(memory.address());
            OPEN.put(memory.address(), bytes);
            return CompletableFuture.supplyAsync(() -> memory.reinterpret(OWNED, null), OWNER)
                    .join();
        }

        @Override
        public synchronized MemorySegment adopt(MemorySegment host) {
            MemorySegment buffer = allocate(host.byteSize());
            hosts.put(buffer.address(), host);
            own(buffer).copyFrom(host);
            return buffer;
        }

        @Override
        public synchronized void refresh(MemorySegment adopted) {
            own(adopted).copyFrom(Objects.requireNonNull(hosts.get(adopted.address())));
        }

        @Override
        public void write(float[] numbers, int count, MemorySegment to) {
            MemorySegment.copy(numbers, 0, own(to), JAVA_FLOAT, 0, count);
        }

        @Override
        public void copy(MemorySegment from, MemorySegment to) {
            own(to).copyFrom(own(from));
        }

        @Override
        public void clear(MemorySegment buffer) {
            own(buffer).fill((byte) 0);
        }

        @Override
        public MemorySegment onHost(MemorySegment buffer) {
            return Arena.ofAuto().allocate(buffer.byteSize(), Float.BYTES).copyFrom(own(buffer));
        }

        @Override
        public synchronized void close() {
            addresses.forEach(OPEN::remove);
            arena.close();
        }
    }

    @Override
    public Buffers newBuffers() {
        return new OwnBuffers();
    }

    @Override
    public void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        EmbeddingTable own = switch (table) {
            case Matrix head -> own(head);
            case RowTable rows -> new RowTable(rows.format(), rows.outputs(), rows.inputs(), own(rows.rows()));
        };
        if (device.isGpu()) {
            StandInGpuProvider.check(tokens.length);
        }
        scalar.embed(own, tokens, own(out));
    }

    @Override
    public void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        scalar.gatherRows(own(in), width, rows, own(out));
    }

    @Override
    public void linear(MemorySegment in, int tokens, List<Projection> projections) {
        List<Projection> own = projections.stream()
                .map(projection -> new Projection(
                        own(projection.weight()),
                        projection.bias() == null ? null : own(projection.bias()),
                        own(projection.out())))
                .toList();
        scalar.linear(own(in), tokens, own);
    }

    @Override
    public void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum) {
        scalar.addLinear(own(in), tokens, own(weight), own(sum));
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        scalar.swiGlu(own(in), tokens, own(gate), own(up), own(out));
    }

    @Override
    public Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        return scalar.route(own(logits), tokens, experts, perToken, normalised);
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        List<ExpertRows> own = experts.stream()
                .map(expert -> new ExpertRows(
                        own(expert.gate()), own(expert.up()), own(expert.down()), expert.rows(), expert.shares()))
                .toList();
        scalar.addExperts(own(in), own, own(gated), own(sum));
    }

    @Override
    public void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon) {
        scalar.rmsNorm(own(in), own(weight), own(out), rows, width, epsilon);
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
        scalar.normAndRotate(own(x), own(weight), epsilon, heads, headDim, positions, own(cosines), own(sines));
    }

    @Override
    public void rotate(
            MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines) {
        scalar.rotate(own(x), heads, headDim, positions, own(cosines), own(sines));
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        scalar.storeKeyValues(shape, own(spans), own(keys), own(values));
    }

    @Override
    public void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        scalar.attention(shape, own(spans), own(queries), own(out), scale);
    }

    @Override
    public void logProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        scalar.logProbabilities(own(head), own(in), targets, out, likeliest, moments);
    }

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        scalar.logSumExp(own(logits), count, out);
    }

    @Override
    public void likeliest(MemorySegment logits, int width, int count, int[] out) {
        scalar.likeliest(own(logits), width, count, out);
    }

    @Override
    public double exponentials(float[] scores, int count, float maximum, float temperature) {
        return scalar.exponentials(scores, count, maximum, temperature);
    }

    @Override
    public void each(int count, IntConsumer work) {
        scalar.each(count, work);
    }

    @Override
    public void measurePeak(@Nullable PartProbe probe) {
        scalar.measurePeak(probe);
    }

    @Override
    public int threads() {
        return scalar.threads();
    }

    @Override
    public Optional<DeviceUse> deviceUse() {
        long allocated = OPEN.values().stream().mapToLong(Long::longValue).sum();
        return device.isGpu()
                ? Optional.of(new DeviceUse(allocated, StandInGpuProvider.MEMORY, (System.nanoTime() - start) / 2, 0))
                : Optional.empty();
    }

    @Override
    public String description() {
        return "separate memory%s, %d thread(s)".formatted(device.isGpu() ? " of " + device : "", threads());
    }

    @Override
    public void close() {
        scalar.close();
    }
}
