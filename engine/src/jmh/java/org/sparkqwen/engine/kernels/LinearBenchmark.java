package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

/// The linear layers of two published sizes, in bfloat16, on one thread.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class LinearBenchmark {
    /// A multiple of every tile's height.
    static final int TOKENS = 1008;

    /// Layers that read the same input, as a forward pass calls them.
    public enum Shape {
        B4_QUERY_KEY_VALUE(2560, 4096, 1024, 1024),
        B4_OUTPUT(4096, 2560),
        B4_GATE_UP(2560, 9728, 9728),
        B4_DOWN(9728, 2560),
        B4_HEAD(2560, 151_936),
        B0_6_QUERY_KEY_VALUE(1024, 2048, 1024, 1024),
        B0_6_OUTPUT(2048, 1024),
        B0_6_GATE_UP(1024, 3072, 3072),
        B0_6_DOWN(3072, 1024),
        B0_6_HEAD(1024, 151_936);

        final int inputs;

        @SuppressWarnings("ImmutableEnumChecker") // List.of never changes
        final List<Integer> outputs;

        Shape(int inputs, Integer... outputs) {
            this.inputs = inputs;
            this.outputs = List.of(outputs);
        }

        /// Arithmetic of one call.
        double flops() {
            return 2.0
                    * TOKENS
                    * inputs
                    * outputs.stream().mapToInt(Integer::intValue).sum();
        }
    }

    @Param
    public Shape shape = Shape.B4_OUTPUT;

    /// The back-end: see `PeakRatios`.
    @Param({"code", "vector"})
    public String backEnd = "code";

    private final Arena arena = Arena.ofShared();
    private Kernels kernels = new ScalarProvider().create(1); // until the parameter is known
    private final int[] targets = new int[TOKENS];
    private final double[] logProbabilities = new double[TOKENS];
    private final boolean[] likeliest = new boolean[TOKENS];
    private MemorySegment in = MemorySegment.NULL;
    private List<Projection> projections = List.of();

    @Setup
    public void fill() {
        kernels.close();
        kernels = new KernelChoice(backEnd).create(1, _ -> {});
        RandomOperands operands = new RandomOperands(arena);
        in = operands.floats((long) TOKENS * shape.inputs);
        Arrays.setAll(targets, i -> i);
        projections = shape.outputs.stream()
                .map(outputs -> new Projection(operands.bf16(outputs, shape.inputs), out(outputs)))
                .toList();
    }

    private MemorySegment out(int outputs) {
        return isHead() ? MemorySegment.NULL : arena.allocate(JAVA_FLOAT, (long) TOKENS * outputs);
    }

    /// The head's logits are reduced as they come, as in scoring.
    private boolean isHead() {
        return shape == Shape.B4_HEAD || shape == Shape.B0_6_HEAD;
    }

    @Benchmark
    public void kernel(PeakState peak) {
        if (isHead()) {
            kernels.logProbabilities(projections.getFirst().weight(), in, targets, logProbabilities, likeliest);
        } else {
            kernels.linear(in, TOKENS, projections);
        }
    }

    @TearDown
    public void close() {
        kernels.close();
        arena.close();
    }
}
