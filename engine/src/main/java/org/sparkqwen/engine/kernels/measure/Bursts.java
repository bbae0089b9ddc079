package org.sparkqwen.engine.kernels.measure;

import java.util.OptionalDouble;

/// Bursts of multiply-adds amid work, on whichever threads.
///
/// @param flops float32 operations that all threads together would have done in `nanos`, each as fast as in its bursts
/// @param nanos of all bursts together; 0 where there were none
public record Bursts(double flops, long nanos) {
    public static final Bursts NONE = new Bursts(0, 0);

    Bursts plus(Bursts other) {
        return new Bursts(flops + other.flops, nanos + other.nanos);
    }

    Bursts minus(Bursts other) {
        return new Bursts(flops - other.flops, nanos - other.nanos);
    }

    /// What a rate of all threads together is of the bursts'; absent where there was no burst.
    ///
    /// @param flopsPerSecond float32 operations a second
    public OptionalDouble share(double flopsPerSecond) {
        return nanos == 0 ? OptionalDouble.empty() : OptionalDouble.of(flopsPerSecond * nanos / (flops * 1e9));
    }
}
