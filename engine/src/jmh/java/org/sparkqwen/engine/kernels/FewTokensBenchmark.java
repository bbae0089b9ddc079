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
import org.sparkqwen.engine.kernels.vector.VectorProvider;

/// A linear layer of 4B in bfloat16 on one thread, for as many tokens as texts that are continued together. Each call
/// takes another layer's weights, so that they come from memory as in a step of decoding.
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

    @Param({"1", "4", "8", "16", "32", "64"})
    public int tokens = 1;

    private final Arena arena = Arena.ofShared();
    private final Kernels kernels = new VectorProvider().create(1);
    private MemorySegment in = MemorySegment.NULL;
    private List<List<Projection>> layers = List.of();
    private int next;

    /// Arithmetic of one call.
    static double flops(int tokens) {
        return 2.0 * tokens * INPUTS * OUTPUTS;
    }

    @Setup
    public void fill() {
        RandomOperands operands = new RandomOperands(arena);
        in = operands.floats((long) tokens * INPUTS);
        MemorySegment out = arena.allocate(JAVA_FLOAT, (long) tokens * OUTPUTS);
        layers = IntStream.range(0, LAYERS)
                .mapToObj(layer -> List.of(new Projection(operands.bf16(OUTPUTS, INPUTS), out)))
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
