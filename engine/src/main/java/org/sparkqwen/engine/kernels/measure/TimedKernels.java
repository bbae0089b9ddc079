package org.sparkqwen.engine.kernels.measure;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.foreign.MemorySegment;
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
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HeadRotation;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LayerSpans;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.Pending;
import org.sparkqwen.engine.kernels.ProductBurst;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.TokenChooser;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// Wraps other kernels and records their work. It reads the clock twice an operation, and a batch has some hundreds.
public final class TimedKernels implements Kernels {
    private final Kernels kernels;

    @GuardedBy("this")
    private final Map<Stage, Long> nanos = new EnumMap<>(Stage.class);

    @GuardedBy("this")
    private final Map<Stage, Double> flops = new EnumMap<>(Stage.class);

    @GuardedBy("this")
    private final Map<Stage, Bursts> bursts = new EnumMap<>(Stage.class);

    @GuardedBy("this")
    private double weightBytes;

    @GuardedBy("this")
    private @Nullable PeakProbe probe;

    /// @param kernels the kernels to wrap; closed with this
    public TimedKernels(Kernels kernels) {
        this.kernels = kernels;
        for (Stage stage : Stage.values()) {
            nanos.put(stage, 0L);
            flops.put(stage, 0d);
            bursts.put(stage, Bursts.NONE);
        }
    }

    /// Starts or stops to measure the most that the threads can do while they work: [Work#bursts].
    public synchronized void measurePeak(boolean measure) {
        PeakProbe fresh = measure ? new PeakProbe(threads()) : null;
        measurePeak(fresh);
        probe = fresh;
    }

    @Override
    public synchronized void measurePeak(@Nullable PartProbe probe) {
        kernels.measurePeak(probe);
    }

    /// All work so far. Safe to call from any thread.
    public synchronized Work work() {
        return new Work(Map.copyOf(nanos), Map.copyOf(flops), Map.copyOf(bursts), weightBytes);
    }

    @Override
    public Buffers newBuffers() {
        return kernels.newBuffers();
    }

    @Override
    public void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        long start = begin();
        kernels.embed(table, tokens, out);
        record(Stage.REST, start, 0);
    }

    @Override
    public void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        long start = begin();
        kernels.gatherRows(in, width, rows, out);
        record(Stage.REST, start, 0);
    }

    @Override
    public void linear(MemorySegment in, int tokens, List<Projection> projections) {
        long start = begin(projections.getFirst().weight());
        kernels.linear(in, tokens, projections);
        record(
                Stage.LINEAR,
                start,
                tokens,
                projections.stream().map(Projection::weight).toList());
    }

    @Override
    public void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum) {
        long start = begin(weight);
        kernels.addLinear(in, tokens, weight, sum);
        record(Stage.LINEAR, start, tokens, List.of(weight));
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        long start = begin(gate);
        kernels.swiGlu(in, tokens, gate, up, out);
        record(Stage.LINEAR, start, tokens, List.of(gate, up));
    }

    @Override
    public Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        long start = begin();
        Routes routes = kernels.route(logits, tokens, experts, perToken, normalised);
        record(Stage.REST, start, 0);
        return routes;
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        long start = begin(experts.getFirst().down());
        kernels.addExperts(in, experts, gated, sum);
        double operations = 0;
        long bytes = 0;
        for (ExpertRows expert : experts) {
            for (Matrix weight : List.of(expert.gate(), expert.up(), expert.down())) {
                operations += 2d * expert.rows().length * weight.outputs() * weight.inputs();
                bytes += weight.bytes();
            }
        }
        record(Stage.LINEAR, start, operations, bytes);
    }

    @Override
    public void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon) {
        long start = begin();
        kernels.rmsNorm(in, weight, out, rows, width, epsilon);
        record(Stage.REST, start, 0);
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
        long start = begin();
        kernels.normAndRotate(x, weight, epsilon, heads, headDim, positions, cosines, sines);
        record(Stage.REST, start, 0);
    }

    @Override
    public void rotate(
            MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines) {
        long start = begin();
        kernels.rotate(x, heads, headDim, positions, cosines, sines);
        record(Stage.REST, start, 0);
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        long start = begin();
        kernels.storeKeyValues(shape, spans, keys, values);
        record(Stage.REST, start, 0);
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
        long start = begin();
        kernels.prepareAttention(shape, spans, layer, rotation, queries, keys, values);
        record(Stage.REST, start, 0);
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        long start = begin();
        kernels.storeKeyValues(shape, spans, layer, keys, values);
        record(Stage.REST, start, 0);
    }

    @Override
    public void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        long start = begin();
        kernels.attention(shape, spans, queries, out, scale);
        recordAttention(shape, spans, start);
    }

    @Override
    public void attention(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, MemorySegment out, float scale) {
        long start = begin();
        kernels.attention(shape, spans, layer, queries, out, scale);
        recordAttention(shape, spans.of(0), start);
    }

    private void recordAttention(AttentionShape shape, List<AttentionSpan> spans, long start) {
        double seen = 0;
        for (AttentionSpan span : spans) {
            seen += span.tokens() * (span.position() + (span.tokens() + 1) / 2d);
        }
        record(Stage.ATTENTION, start, 4 * seen * shape.queryWidth());
    }

    @Override
    public void logProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        long start = begin(head);
        kernels.logProbabilities(head, in, targets, out, likeliest, moments);
        record(Stage.HEAD, start, targets.length, List.of(head));
    }

    /// Records the time in which the operation is started, which for a device is not the one that it takes.
    @Override
    public Pending startLogProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        long start = begin(head);
        Pending pending = kernels.startLogProbabilities(head, in, targets, out, likeliest, moments);
        record(Stage.HEAD, start, targets.length, List.of(head));
        return pending;
    }

    @Override
    public void logits(Matrix head, MemorySegment in, MemorySegment out, int rows) {
        long start = begin(head);
        kernels.logits(head, in, out, rows);
        record(Stage.HEAD, start, rows, List.of(head));
    }

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        long start = begin();
        kernels.logSumExp(logits, count, out);
        record(Stage.HEAD, start, 0);
    }

    @Override
    public void likeliest(MemorySegment logits, int width, int count, int[] out) {
        long start = begin();
        kernels.likeliest(logits, width, count, out);
        record(Stage.HEAD, start, 0);
    }

    /// Computes without timing, because this operation runs on several threads at once.
    @Override
    public double exponentials(float[] scores, int count, float maximum, float temperature) {
        return kernels.exponentials(scores, count, maximum, temperature);
    }

    @Override
    public void each(int count, IntConsumer work) {
        kernels.each(count, work);
    }

    @Override
    public Optional<TokenChooser> tokenChooser() {
        return kernels.tokenChooser();
    }

    @Override
    public Optional<DeviceUse> deviceUse() {
        return kernels.deviceUse();
    }

    @Override
    public int feedForwardRows(int ofProcessor) {
        return kernels.feedForwardRows(ofProcessor);
    }

    @Override
    public int threads() {
        return kernels.threads();
    }

    @Override
    public String description() {
        return kernels.description();
    }

    @Override
    public void close() {
        kernels.close();
    }

    /// Begins an operation that multiplies no weights, and returns the time.
    private synchronized long begin() {
        if (probe != null) {
            probe.use(Optional.empty());
        }
        return System.nanoTime();
    }

    /// Begins an operation that multiplies weights, and returns the time.
    private synchronized long begin(Matrix weight) {
        if (probe != null) {
            probe.use(kernels.productBurst(weight.format()));
        }
        return System.nanoTime();
    }

    @Override
    public Optional<ProductBurst> productBurst(WeightFormat format) {
        return kernels.productBurst(format);
    }

    /// Records products of `tokens` rows and some weights.
    private void record(Stage stage, long start, int tokens, List<Matrix> weights) {
        double parameters = 0;
        long bytes = 0;
        for (Matrix weight : weights) {
            parameters += (double) weight.outputs() * weight.inputs();
            bytes += weight.bytes();
        }
        record(stage, start, 2 * tokens * parameters, bytes);
    }

    private void record(Stage stage, long start, double operations) {
        record(stage, start, operations, 0);
    }

    private synchronized void record(Stage stage, long start, double operations, long bytes) {
        nanos.merge(stage, System.nanoTime() - start, Long::sum);
        flops.merge(stage, operations, Double::sum);
        if (probe != null) {
            bursts.merge(stage, probe.take(), Bursts::plus);
        }
        weightBytes += bytes;
    }
}
