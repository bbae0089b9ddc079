package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;

/// One layer's attention of 4B on one thread: the last 512 tokens of a document over all its keys.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionBenchmark {
    private static final AttentionShape SHAPE = new AttentionShape(32, 8, 128);
    private static final int QUERIES = 512;

    /// Tokens of the document.
    @Param({"512", "4096", "32768"})
    public int tokens = QUERIES;

    /// The back-end: see `PeakRatios`.
    @Param({"code", "vector"})
    public String backEnd = "code";

    private final Arena arena = Arena.ofShared();
    private Kernels kernels = new ScalarProvider().create(1); // until the parameter is known
    private MemorySegment queries = MemorySegment.NULL;
    private MemorySegment out = MemorySegment.NULL;
    private List<AttentionSpan> spans = List.of();

    /// Arithmetic of one call: `4 · headDim` for a query head and each key that it sees.
    static double flops(int tokens) {
        double seen = QUERIES * (tokens - QUERIES + (QUERIES + 1) / 2d);
        return 4 * seen * SHAPE.queryWidth();
    }

    @Setup
    public void fill() {
        kernels.close();
        kernels = new KernelChoice(backEnd).create(1, _ -> {});
        RandomOperands operands = new RandomOperands(arena);
        queries = operands.floats((long) QUERIES * SHAPE.queryWidth());
        out = arena.allocate(JAVA_FLOAT, (long) QUERIES * SHAPE.queryWidth());
        List<MemorySegment> blocks = IntStream.range(0, Math.ceilDiv(tokens, KeyValueBlock.TOKENS))
                .mapToObj(block -> operands.floats(KeyValueBlock.bytes(SHAPE, KeyValueFormat.F32) / Float.BYTES))
                .toList();
        spans = List.of(new AttentionSpan(0, QUERIES, tokens - QUERIES, KeyValueFormat.F32, blocks));
    }

    @Benchmark
    public void kernel(PeakState peak) {
        kernels.attention(SHAPE, spans, queries, out, (float) (1 / Math.sqrt(SHAPE.headDim())));
    }

    @TearDown
    public void close() {
        kernels.close();
        arena.close();
    }
}
