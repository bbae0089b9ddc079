package org.sparkqwen.engine.kernels.measure;

import java.util.OptionalDouble;

/// The results of bursts of an instruction that threads ran amid work.
///
/// @param flops arithmetic operations that all threads together would have done in `nanos`, each as fast as in its
///     bursts
/// @param nanos duration of all bursts together; 0 if there were none
public record Bursts(double flops, long nanos) {
    public static final Bursts NONE = new Bursts(0, 0);

    Bursts plus(Bursts other) {
        return new Bursts(flops + other.flops, nanos + other.nanos);
    }

    Bursts minus(Bursts other) {
        return new Bursts(flops - other.flops, nanos - other.nanos);
    }

    /// The share that a rate of all threads together has of the bursts' rate; absent if there was no burst.
    ///
    /// @param flopsPerSecond arithmetic operations a second
    public OptionalDouble share(double flopsPerSecond) {
        return nanos == 0 ? OptionalDouble.empty() : OptionalDouble.of(flopsPerSecond * nanos / (flops * 1e9));
    }
}
