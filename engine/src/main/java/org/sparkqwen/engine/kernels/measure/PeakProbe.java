package org.sparkqwen.engine.kernels.measure;

import java.util.Optional;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.ProductBurst;
import org.sparkqwen.engine.kernels.vector.MultiplyAdds;

/// Measures the most that the threads of a team can do while they work: now and then, between two parts of an
/// operation, a thread repeats nothing but the instruction of the operation's products for some hundred microseconds.
/// That is the multiply-add of float32, or an instruction of lower precision.
///
/// A machine that others use too changes its speed within seconds, and a round of work takes half a minute. Bursts
/// before and after it may find another speed than the work did; hundreds of short ones amid the work, on the same
/// threads, find the same. They take a hundredth of the time, which is not subtracted.
final class PeakProbe implements PartProbe {
    /// The least time between two bursts of a thread.
    private static final long EVERY_NANOS = 20_000_000;

    /// The number of multiply-adds of a chain in a burst.
    private static final int STEPS = 1 << 16;

    /// The distance between two threads' clocks, which puts each on a cache line of its own.
    private static final int APART = 8;

    private final int threads;
    private final long[] ends; // of each worker's last burst
    private final DoubleAdder flops = new DoubleAdder();
    private final LongAdder nanos = new LongAdder();
    private final float[] numbers = MultiplyAdds.numbers();

    private volatile Optional<ProductBurst> burst = Optional.empty(); // empty for multiply-adds of float32

    @SuppressWarnings("UnusedVariable") // what is computed must be used, or the compiler leaves it out
    private volatile float result;

    /// @param threads number of threads of the team
    PeakProbe(int threads) {
        this.threads = threads;
        ends = new long[threads * APART];
        long now = System.nanoTime();
        for (int worker = 0; worker < threads; worker++) {
            ends[worker * APART] = now;
        }
    }

    /// Runs a burst if it is time for one.
    @Override
    public void betweenParts(int worker) {
        long start = System.nanoTime();
        if (start - ends[worker * APART] < EVERY_NANOS) {
            return;
        }
        double operations = burst.map(ProductBurst::run).orElseGet(this::multiplyAdds);
        long end = System.nanoTime();
        flops.add(operations);
        nanos.add(end - start);
        ends[worker * APART] = end;
    }

    private double multiplyAdds() {
        result = MultiplyAdds.run(numbers, STEPS);
        return MultiplyAdds.flops(STEPS);
    }

    /// Sets the instruction of the next bursts. Must not be called while an operation runs.
    ///
    /// @param instruction empty for multiply-adds of float32
    void use(Optional<ProductBurst> instruction) {
        burst = instruction;
    }

    /// Returns the bursts since the last call. Must not be called while an operation runs.
    Bursts take() {
        return new Bursts(threads * flops.sumThenReset(), nanos.sumThenReset());
    }
}
