package org.sparkqwen.engine;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KernelChoice;

/// How an engine runs; nothing here changes a result.
///
/// @param threads that compute; at least 1
/// @param batchTokens tokens that go through the model together: documents' windows as many as fit, or one that is
///     longer; prompts until they exceed it
/// @param maxSequences texts generated at the same time for one caller
/// @param cache the directory of this host's packed models, made if it does not exist; null to pack into memory
public record EngineOptions(
        KernelChoice kernels,
        int threads,
        int batchTokens,
        int maxSequences,
        @Nullable Path cache) {
    public EngineOptions {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, not " + threads);
        }
        if (batchTokens < 1) {
            throw new IllegalArgumentException("batch-tokens must be at least 1, not " + batchTokens);
        }
        if (maxSequences < 1) {
            throw new IllegalArgumentException("max-sequences must be at least 1, not " + maxSequences);
        }
    }

    /// Without a cache.
    public EngineOptions(KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        this(kernels, threads, batchTokens, maxSequences, null);
    }
}
