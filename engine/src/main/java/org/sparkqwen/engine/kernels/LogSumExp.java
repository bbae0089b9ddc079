package org.sparkqwen.engine.kernels;

/// Computes log Σ exp over a vocabulary, in chunks of 512 logits from the first. Within a chunk it sums exp(logit − the
/// chunk's maximum) in float32, and over the chunks it sums in double. The chunks do not depend on how the work is
/// split, so the result is the same for any number of threads.
public final class LogSumExp {
    public static final int CHUNK = 512;

    private LogSumExp() {}

    public static int chunks(int logits) {
        return Math.ceilDiv(logits, CHUNK);
    }

    /// @param maxima the chunks' greatest logits, `[chunks]` from index `from`
    /// @param sums the chunks' sums of exp(logit − maximum), `[chunks]` from index `from`
    /// @return natural logarithm; NaN if a logit was NaN
    public static double combine(float[] maxima, float[] sums, int from, int chunks) {
        float maximum = maxima[from];
        for (int chunk = 1; chunk < chunks; chunk++) {
            maximum = Math.max(maximum, maxima[from + chunk]);
        }
        double total = 0;
        for (int chunk = 0; chunk < chunks; chunk++) {
            total += sums[from + chunk] * StrictMath.exp((double) maxima[from + chunk] - maximum);
        }
        return maximum + StrictMath.log(total);
    }
}
