package org.sparkqwen.engine.request;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KernelChoice;

/// How an engine runs; nothing here changes a result, but for the
/// precision of keys and values.
///
/// @param threads that compute; at least 1
/// @param batchTokens tokens that go through the model together: documents' windows as many as fit, or one that is
///     longer; of texts that are generated never more
/// @param maxSequences texts generated at the same time, of all callers
/// @param keyValues the cache of texts that are generated
/// @param cache the directory of this host's packed models, made if it does not exist; null to pack into memory
public record EngineOptions(
        KernelChoice kernels,
        int threads,
        int batchTokens,
        int maxSequences,
        KeyValueOptions keyValues,
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

    /// With the default key/value cache, and weights packed into memory.
    public EngineOptions(KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        this(kernels, threads, batchTokens, maxSequences, KeyValueOptions.DEFAULT, null);
    }
}
