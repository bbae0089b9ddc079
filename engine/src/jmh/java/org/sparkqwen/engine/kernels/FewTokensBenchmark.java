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
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;

/// A linear layer of 4B on one thread, for as many tokens as texts that are continued together. Each call takes another
/// layer's weights, so that they come from memory as in a step of decoding.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class FewTokensBenchmark {
    private static final int INPUTS = 4096;
    private static final int OUTPUTS = 2560;
    private static final int LAYERS = 16;

    @Param({"BF16", "INT8", "INT4"})
    public KnownFormat format = KnownFormat.BF16;

    /// What the layer multiplies in: `INT8` needs weights of integers.
    @Param({"FLOAT32", "INT8"})
    public Precision precision = Precision.FLOAT32;

    @Param({"1", "4", "8", "16", "32", "64"})
    public int tokens = 1;

    /// The back-end: see `PeakRatios`.
    @Param({"code", "vector"})
    public String backEnd = "code";

    private final Arena arena = Arena.ofShared();
    private Kernels kernels = new ScalarProvider().create(1); // until the parameter is known
    private MemorySegment in = MemorySegment.NULL;
    private List<List<Projection>> layers = List.of();
    private int next;

    /// Arithmetic of one call.
    static double flops(int tokens) {
        return 2.0 * tokens * INPUTS * OUTPUTS;
    }

    @Setup
    public void fill() {
        kernels.close();
        kernels = new KernelChoice(backEnd, precision).create(1, _ -> {});
        RandomOperands operands = new RandomOperands(arena);
        in = operands.floats((long) tokens * INPUTS);
        MemorySegment out = arena.allocate(JAVA_FLOAT, (long) tokens * OUTPUTS);
        Matrix weight = operands.matrix(format, OUTPUTS, INPUTS);
        layers = IntStream.range(0, LAYERS)
                .mapToObj(layer -> List.of(new Projection(operands.copy(weight), out)))
                .toList();
    }

    @Benchmark
    public void kernel(PeakState peak) {
        kernels.linear(in, tokens, layers.get(next));
        next = (next + 1) % LAYERS;
    }

    @TearDown
    public void close() {
        kernels.close();
        arena.close();
    }
}
