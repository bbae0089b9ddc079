package org.sparkqwen.engine.kernels;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;
import org.sparkqwen.engine.kernels.vector.MultiplyAdds;

/// The core's peak right after each iteration of a kernel, in the same process: a core lowers its clock under load, and
/// machines have other users.
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class PeakState {
    private static final int STEPS = 1 << 17;
    private static final int BURSTS = 5;

    /// The operations of a burst.
    static final double FLOPS = MultiplyAdds.flops(STEPS);

    /// The nanoseconds of the best burst of an iteration, which JMH sums over the iterations.
    public long peakNanos;

    private final float[] numbers = MultiplyAdds.numbers();

    @TearDown(Level.Iteration)
    public void measure(Blackhole result) {
        peakNanos = Long.MAX_VALUE;
        for (int i = 0; i < BURSTS; i++) {
            long start = System.nanoTime();
            result.consume(MultiplyAdds.run(numbers, STEPS));
            peakNanos = Math.min(peakNanos, System.nanoTime() - start);
        }
    }
}
