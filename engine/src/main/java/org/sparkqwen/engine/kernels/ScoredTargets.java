package org.sparkqwen.engine.kernels;

/// What [Kernels#logProbabilities] keeps of the logits of each row: for each chunk of [LogSumExp] a maximum and a sum
/// of exponentials, and the target's logit. So no logits are stored.
///
/// Threads may write to different chunks at the same time.
public final class ScoredTargets {
    private final int[] targets;
    private final boolean[] likeliest;
    private final int chunks;
    private final float[] maxima;
    private final float[] sums;
    private final float[] chosen;

    /// @param targets each row's target, below `vocabulary`
    /// @param likeliest receives for each row whether its target is the most likely token
    public ScoredTargets(int vocabulary, int[] targets, boolean[] likeliest) {
        this.targets = targets;
        this.likeliest = likeliest;
        chunks = LogSumExp.chunks(vocabulary);
        maxima = new float[targets.length * chunks];
        sums = new float[targets.length * chunks];
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

    /// The index of a row's chunk in both arrays.
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

    /// Combines the chunks of a row, and completes what is known of its target.
    ///
    /// @return the target's log-probability in nats
    public double logProbability(int row) {
        int first = index(row, 0);
        likeliest[row] &= ScalarMath.isFirstOfGreatest(maxima, first, chunks, targets[row] / LogSumExp.CHUNK);
        return chosen[row] - LogSumExp.combine(maxima, sums, first, chunks);
    }
}
