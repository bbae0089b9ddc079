package org.sparkqwen.engine.kernels.measure;

import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.vector.MultiplyAdds;

/// What the threads of a team can do at most while they work: now and then, between two parts of an operation, a thread
/// does nothing but multiply-adds for some hundred microseconds.
///
/// A machine that others use, too, changes its speed within seconds, and a round of work takes half a minute. Bursts
/// before and after it may see another machine than the work did; hundreds of short ones amid the work, on the same
/// threads, see the same. They take a hundredth of the time, which is not subtracted.
final class PeakProbe implements PartProbe {
    /// Between two bursts of a thread, at least.
    private static final long EVERY_NANOS = 20_000_000;

    /// Multiply-adds of a chain in a burst.
    private static final int STEPS = 1 << 16;

    /// Threads' clocks are on cache lines of their own.
    private static final int APART = 8;

    private final int threads;
    private final long[] ends; // of each worker's last burst
    private final DoubleAdder flops = new DoubleAdder();
    private final LongAdder nanos = new LongAdder();
    private final float[] numbers = MultiplyAdds.numbers();

    @SuppressWarnings("UnusedVariable") // what is computed must be used, or the compiler leaves it out
    private volatile float result;

    /// @param threads of the team
    PeakProbe(int threads) {
        this.threads = threads;
        ends = new long[threads * APART];
        long now = System.nanoTime();
        for (int worker = 0; worker < threads; worker++) {
            ends[worker * APART] = now;
        }
    }

    /// A burst, if it is time for one.
    @Override
    public void betweenParts(int worker) {
        long start = System.nanoTime();
        if (start - ends[worker * APART] < EVERY_NANOS) {
            return;
        }
        result = MultiplyAdds.run(numbers, STEPS);
        long end = System.nanoTime();
        flops.add(MultiplyAdds.flops(STEPS));
        nanos.add(end - start);
        ends[worker * APART] = end;
    }

    /// The bursts since the last call; not while an operation runs.
    Bursts take() {
        return new Bursts(threads * flops.sumThenReset(), nanos.sumThenReset());
    }
}
