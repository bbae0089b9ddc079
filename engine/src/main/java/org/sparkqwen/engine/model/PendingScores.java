package org.sparkqwen.engine.model;

import org.sparkqwen.engine.kernels.Pending;

/// Scores that a device may still compute.
public final class PendingScores {
    private final Pending pending;
    private final TargetScores scores;

    PendingScores(Pending pending, TargetScores scores) {
        this.pending = pending;
        this.scores = scores;
    }

    /// Whether [#await] returns at once.
    public boolean isDone() {
        return pending.isDone();
    }

    /// Waits for the scores, which any thread may do while the model computes another batch.
    public TargetScores await() {
        pending.await();
        return scores;
    }
}
