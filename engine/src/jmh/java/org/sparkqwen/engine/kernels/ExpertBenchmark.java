package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
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

/// Experts of 30B-A3B in bfloat16 on one thread, for as many rows of each as batches of 32, 1,024 and 8,192 tokens have
/// on average. Each call takes the next experts, so that their weights come from memory as in a forward pass.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class ExpertBenchmark {
    private static final int HIDDEN = 2048;
    private static final int INTERMEDIATE = 768;

    /// The number of experts. The model has 128, which would take 1.2 GB.
    private static final int EXPERTS = 32;

    /// Tokens of a batch for each that an expert has: a token goes to 8 of 128.
    private static final int TOKENS_PER_ROW = 16;

    /// Rows of all experts of a call, at most: about those that pass through a forward pass together.
    private static final int MOST_ROWS = 1024;

    @Param({"2", "64", "512"})
    public int rows = 2;

    /// The back-end: see `PeakRatios`.
    @Param({"code", "vector"})
    public String backEnd = "code";

    private final Arena arena = Arena.ofShared();
    private Kernels kernels = new ScalarProvider().create(1); // until the parameter is known
    private MemorySegment in = MemorySegment.NULL;
    private MemorySegment gated = MemorySegment.NULL;
    private MemorySegment sum = MemorySegment.NULL;
    private List<List<ExpertRows>> groups = List.of();
    private int next;

    private static int expertsOfCall(int rows) {
        return Math.min(EXPERTS, MOST_ROWS / rows);
    }

    /// Arithmetic of one call.
    static double flops(int rows) {
        return 2.0 * expertsOfCall(rows) * rows * 3 * HIDDEN * INTERMEDIATE;
    }

    @Setup
    public void fill() {
        kernels.close();
        kernels = new KernelChoice(backEnd).create(1, _ -> {});
        RandomOperands operands = new RandomOperands(arena);
        long tokens = (long) rows * TOKENS_PER_ROW;
        in = operands.floats(tokens * HIDDEN);
        gated = arena.allocate(JAVA_FLOAT, (long) MOST_ROWS * INTERMEDIATE);
        sum = arena.allocate(JAVA_FLOAT, tokens * HIDDEN);
        List<ExpertRows> experts = IntStream.range(0, EXPERTS)
                .mapToObj(expert -> expert(operands, expert))
                .toList();
        int size = expertsOfCall(rows);
        groups = IntStream.range(0, EXPERTS / size)
                .mapToObj(group -> experts.subList(group * size, (group + 1) * size))
                .toList();
    }

    private ExpertRows expert(RandomOperands operands, int expert) {
        int[] ofBatch = new int[rows];
        Arrays.setAll(ofBatch, row -> row * TOKENS_PER_ROW + expert % TOKENS_PER_ROW);
        float[] shares = new float[rows];
        Arrays.fill(shares, 0.125f);
        return new ExpertRows(
                operands.bf16(INTERMEDIATE, HIDDEN),
                operands.bf16(INTERMEDIATE, HIDDEN),
                operands.bf16(HIDDEN, INTERMEDIATE),
                ofBatch,
                shares);
    }

    @Benchmark
    public void kernel(PeakState peak) {
        kernels.addExperts(in, groups.get(next), gated, sum);
        next = (next + 1) % groups.size();
    }

    @TearDown
    public void close() {
        kernels.close();
        arena.close();
    }
}
