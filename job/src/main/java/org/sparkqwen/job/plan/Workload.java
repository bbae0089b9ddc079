package org.sparkqwen.job.plan;

/// What a predicted run has to do.
///
/// @param files the files of the input
/// @param bytes the bytes of the input
/// @param rows the rows of the input
/// @param tokens the tokens of a row, on average
/// @param deviation the standard deviation of a row's tokens
/// @param tokensPerSecond the tokens that a core computes in a second, measured
/// @param modelBytes the bytes of the model's files
/// @param distribution how hosts get the model
public record Workload(
        long files,
        long bytes,
        long rows,
        double tokens,
        double deviation,
        double tokensPerSecond,
        long modelBytes,
        Distribution distribution) {
    /// How hosts get the model.
    public enum Distribution {
        /// Every host sees the files, and nothing is copied.
        SHARED,
        /// Each host reads the files from a store that is never the limit.
        FETCH,
        /// Hosts get the files from the driver and from each other.
        BROADCAST
    }

    /// @throws IllegalArgumentException if there is nothing to do, or no speed
    public Workload {
        if (rows < 1 || !(tokens > 0) || !(tokensPerSecond > 0)) {
            throw new IllegalArgumentException("there are no rows with tokens, or no speed was measured");
        }
    }
}
