package org.sparkqwen.engine.run;

import java.util.concurrent.atomic.LongAdder;
import org.sparkqwen.engine.scheduler.Batch;

/// Counts what an engine computes, batch by batch. Safe for several threads.
final class Tally {
    private final LongAdder batches = new LongAdder();
    private final LongAdder batchTokens = new LongAdder();
    private final LongAdder scoredTokens = new LongAdder();
    private final LongAdder sharedTokens = new LongAdder();
    private final LongAdder promptTokens = new LongAdder();
    private final LongAdder generatedTokens = new LongAdder();

    /// Counts a batch of documents that was computed.
    ///
    /// @param shared number of tokens of prompts that it has once for several continuations, and so did not compute
    void scored(Batch batch, long shared) {
        count(batch);
        scoredTokens.add(batch.tokens().length);
        sharedTokens.add(shared);
    }

    /// Counts a step of texts that was computed.
    ///
    /// @param chosen number of tokens that were generated with it
    void generated(Batch batch, long chosen) {
        count(batch);
        for (Batch.Slice slice : batch.slices()) {
            int leftOfPrompt = slice.sequence().promptTokens() - slice.position();
            promptTokens.add(Math.clamp(leftOfPrompt, 0, slice.tokens()));
        }
        generatedTokens.add(chosen);
    }

    private void count(Batch batch) {
        batches.increment();
        batchTokens.add(batch.tokens().length);
    }

    long batches() {
        return batches.sum();
    }

    long batchTokens() {
        return batchTokens.sum();
    }

    long scoredTokens() {
        return scoredTokens.sum();
    }

    long sharedTokens() {
        return sharedTokens.sum();
    }

    long promptTokens() {
        return promptTokens.sum();
    }

    long generatedTokens() {
        return generatedTokens.sum();
    }
}
