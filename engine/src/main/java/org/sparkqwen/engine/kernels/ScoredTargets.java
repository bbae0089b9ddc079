package org.sparkqwen.engine.kernels;

import org.jspecify.annotations.Nullable;

/// What [Kernels#logProbabilities] keeps of the logits of each row: for each chunk of [LogSumExp] a maximum and a sum
/// of exponentials, and the target's logit. So no logits are stored.
///
/// If moments are wanted, it also keeps two more sums of each chunk. They are relative to the chunk's maximum, so that
/// where the model is sure, the terms of a variance are small, and their difference loses no digits.
///
/// Threads may write to different chunks at the same time.
public final class ScoredTargets {
    private static final float[] NONE = {};

    private final int[] targets;
    private final boolean[] likeliest;
    private final @Nullable Moments moments;
    private final int chunks;
    private final float[] maxima;
    private final float[] sums;
    private final float[] firstMoments;
    private final float[] secondMoments;
    private final float[] chosen;

    /// @param targets each row's target, below `vocabulary`
    /// @param likeliest receives for each row whether its target is the most likely token
    /// @param moments receives the moments of each row's distribution; null if they are not wanted
    public ScoredTargets(int vocabulary, int[] targets, boolean[] likeliest, @Nullable Moments moments) {
        this.targets = targets;
        this.likeliest = likeliest;
        this.moments = moments;
        chunks = LogSumExp.chunks(vocabulary);
        int all = targets.length * chunks;
        maxima = new float[all];
        sums = new float[all];
        firstMoments = moments == null ? NONE : new float[all];
        secondMoments = moments == null ? NONE : new float[all];
        chosen = new float[targets.length];
    }

    public int chunks() {
        return chunks;
    }

    /// The maxima of all chunks, `[rows][chunks]`.
    public float[] maxima() {
        return maxima;
    }

    /// The sums of exp(logit − maximum) of all chunks, `[rows][chunks]`.
    public float[] sums() {
        return sums;
    }

    /// Whether [#firstMoments] and [#secondMoments] are wanted.
    public boolean hasMoments() {
        return moments != null;
    }

    /// The sums of exp(d) · d of all chunks, with d = logit − maximum, `[rows][chunks]`.
    public float[] firstMoments() {
        return firstMoments;
    }

    /// The sums of exp(d) · d² of all chunks, `[rows][chunks]`.
    public float[] secondMoments() {
        return secondMoments;
    }

    /// The index of a row's chunk in these arrays.
    public int index(int row, int chunk) {
        return row * chunks + chunk;
    }

    /// Whether a row's target is in a chunk.
    public boolean isIn(int row, int chunk) {
        return targets[row] / LogSumExp.CHUNK == chunk;
    }

    /// Keeps what the logits of a chunk say of the row's target, if the target is in that chunk.
    ///
    /// @param logits the chunk's logits
    /// @param width number of logits
    public void choose(int row, int chunk, float[] logits, int width) {
        if (isIn(row, chunk)) {
            int logit = targets[row] % LogSumExp.CHUNK;
            chosen[row] = logits[logit];
            likeliest[row] = ScalarMath.isFirstOfGreatest(logits, 0, width, logit);
        }
    }

    /// Combines the chunks of a row, and completes what is known of its target and its distribution.
    ///
    /// @return the target's log-probability in nats
    public double logProbability(int row) {
        int first = index(row, 0);
        likeliest[row] &= ScalarMath.isFirstOfGreatest(maxima, first, chunks, targets[row] / LogSumExp.CHUNK);
        if (moments != null) {
            combine(row, moments);
        }
        return chosen[row] - LogSumExp.combine(maxima, sums, first, chunks);
    }

    /// Moves the sums of a row's chunks to the row's maximum: with a chunk's d and the difference s of the two
    /// maxima, Σ e (d + s) = Σ e d + s Σ e, and Σ e (d + s)² = Σ e d² + 2 s Σ e d + s² Σ e. All terms of the latter
    /// are positive.
    private void combine(int row, Moments to) {
        int from = index(row, 0);
        float maximum = maxima[from];
        for (int chunk = 1; chunk < chunks; chunk++) {
            maximum = Math.max(maximum, maxima[from + chunk]);
        }
        double total = 0;
        double first = 0;
        double second = 0;
        for (int at = from; at < from + chunks; at++) {
            double shift = (double) maxima[at] - maximum;
            double weight = StrictMath.exp(shift);
            total += weight * sums[at];
            first += weight * (firstMoments[at] + shift * sums[at]);
            second += weight * (secondMoments[at] + shift * (2.0 * firstMoments[at] + shift * sums[at]));
        }
        double mean = first / total;
        to.means()[row] = mean - StrictMath.log(total);
        to.deviations()[row] = Math.sqrt(Math.max(0, second / total - mean * mean));
    }
}
