package org.sparkqwen.engine.run;

import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.kernels.DeviceException;

/// The most tokens that go through a model together: those of the options, or half of them once a GPU had no memory for
/// so many. Safe for several threads.
final class BatchLimit {
    private static final Logger LOG = LoggerFactory.getLogger(BatchLimit.class);

    private final int whole;
    private volatile int tokens;

    BatchLimit(int tokens) {
        whole = tokens;
        this.tokens = tokens;
    }

    int tokens() {
        return tokens;
    }

    /// Divides a batch that could not be computed, if smaller ones may be. The limit is halved by the first batch
    /// that fails for memory, and never again.
    ///
    /// @param batch what was computed together
    /// @param size its tokens
    /// @return the two halves of the batch
    /// @throws DeviceException `failure`, or one that says more, if smaller batches do not help
    <T> List<List<T>> halves(List<T> batch, int size, DeviceException failure) {
        if (batch.size() < 2 || !lower(size, failure)) {
            throw failed(size, failure);
        }
        int half = batch.size() / 2;
        return List.of(batch.subList(0, half), batch.subList(half, batch.size()));
    }

    /// Halves the limit if that has not been done, and if a batch failed because a GPU has too little memory.
    ///
    /// @param size tokens of the batch
    /// @return whether the batch may be tried again within the limit
    synchronized boolean lower(int size, DeviceException failure) {
        if (failure.reason() != DeviceException.Reason.OUT_OF_MEMORY) {
            return false;
        }
        if (tokens == whole && whole > 1) {
            tokens = whole / 2;
            LOG.warn(
                    "{}; from now on, a batch has {} tokens instead of {}: give --batch-tokens {}, or less --memory"
                            + " to the KV cache",
                    failure.getMessage(),
                    tokens,
                    whole,
                    tokens);
            return true;
        }
        return size > tokens;
    }

    /// Makes the final error of a batch that could not be computed.
    ///
    /// @param size tokens of the batch
    DeviceException failed(int size, DeviceException failure) {
        if (failure.reason() != DeviceException.Reason.OUT_OF_MEMORY) {
            return failure;
        }
        DeviceException more = new DeviceException(
                failure.reason(),
                ("%s, with a batch of %,d tokens; give fewer --batch-tokens, a shorter --context, or less"
                                + " --memory to the KV cache")
                        .formatted(failure.getMessage(), size));
        more.addSuppressed(failure); // and no cause, because a person is shown the last one
        return more;
    }
}
