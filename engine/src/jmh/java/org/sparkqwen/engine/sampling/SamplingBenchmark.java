package org.sparkqwen.engine.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Random;
import java.util.Set;
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
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Kernels;

/// The choice of one token among Qwen3's 151,936, on one thread.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SamplingBenchmark {
    private static final int VOCABULARY = 151_936;
    private static final int TEXTS = 32;

    /// Tokens of the prompt, and of the text.
    private static final int LENGTH = 500;

    @Param({"all", "top-k", "top-p", "min-p", "post-trained", "penalties", "best"})
    public String what = "all";

    /// How far logits spread: a model that is sure of little, and one that is sure of much.
    @Param({"2", "5"})
    public double spread = 2;

    private final Arena arena = Arena.ofShared();
    private final Kernels kernels = KernelChoice.VECTOR.create(1, _ -> {});
    private final MemorySegment[] logits = new MemorySegment[TEXTS];
    private Sampler sampler = new Sampler(SamplingParams.GREEDY, new int[0], 0);
    private int[] prompt = {};
    private int next;

    @Setup
    public void fill() {
        Random random = new Random(1);
        for (int text = 0; text < TEXTS; text++) {
            logits[text] = arena.allocate(JAVA_FLOAT, VOCABULARY);
            for (int token = 0; token < VOCABULARY; token++) {
                logits[text].setAtIndex(JAVA_FLOAT, token, (float) (spread * random.nextGaussian()));
            }
        }
        prompt = random.ints(LENGTH, 0, VOCABULARY).toArray();
    }

    private SamplingParams params() {
        return switch (what) {
            case "all", "best" -> params(1, 0, 1, 0, Penalties.NONE);
            case "top-k" -> params(1, 50, 1, 0, Penalties.NONE);
            case "top-p" -> params(1, 0, 0.95, 0, Penalties.NONE);
            case "min-p" -> params(1, 0, 1, 0.05, Penalties.NONE);
            case "post-trained" -> params(0.6, 20, 0.95, 0, Penalties.NONE);
            case "penalties" -> params(0.8, 0, 0.95, 0, new Penalties(1.1, 0.2, 0.2));
            default -> throw new IllegalArgumentException(what);
        };
    }

    private static SamplingParams params(double temperature, int topK, double topP, double minP, Penalties penalties) {
        return new SamplingParams(temperature, topK, topP, minP, penalties, Map.of(), 0);
    }

    @Benchmark
    public Object choose() {
        if (next % LENGTH == 0) {
            sampler = new Sampler(params(), prompt, next);
        }
        MemorySegment row = logits[next++ % TEXTS];
        if (what.equals("best")) {
            return RankedToken.best(row, 0, 20);
        }
        return sampler.choose(row, 0, null, Set.of(), kernels::exponentials);
    }

    @TearDown
    public void close() {
        kernels.close();
        arena.close();
    }
}
