package org.sparkqwen.engine.kernels;

import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// Multiply-adds at the core's peak, as an operation beside a kernel's.
@State(Scope.Thread)
public class PeakState {
    private static final int CHAINS = OuterProduct.LANES == 16 ? 24 : 12;
    private static final int STEPS = 1 << 20;

    /// Arithmetic of [#run].
    static final double FLOPS = MultiplyAdds.flops(CHAINS, STEPS);

    private final float[] numbers = MultiplyAdds.numbers();

    float run() {
        return CHAINS == 24 ? MultiplyAdds.chains24(numbers, STEPS) : MultiplyAdds.chains12(numbers, STEPS);
    }
}
