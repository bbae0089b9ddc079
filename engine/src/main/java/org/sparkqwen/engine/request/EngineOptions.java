package org.sparkqwen.engine.request;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;

/// The options of an engine. None changes a result, except the precision of keys and values, the encoding of
/// weights, and an adapter.
///
/// @param threads number of threads that compute; at least 1
/// @param batchTokens tokens that go through the model together. Of documents, as many windows as fit, or a single
///     longer one; of texts that are generated, never more
/// @param maxSequences the most texts that are generated at the same time, of all callers
/// @param keyValues the KV cache of texts that are generated
/// @param weights the encoding in which the weights of a published model are packed
/// @param adapter a directory with a LoRA adapter of PEFT, which is merged into the weights of a published model; null
///     for none
/// @param memoryShare the part of the memory for weights that this engine may use, above 0 and at most 1, because
///     another engine of this process uses the rest
/// @param cache the directory of this host's packed models, made if it does not exist; null to pack into memory
public record EngineOptions(
        KernelChoice kernels,
        int threads,
        int batchTokens,
        int maxSequences,
        KeyValueOptions keyValues,
        WeightEncoding weights,
        @Nullable Path adapter,
        double memoryShare,
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
        if (!(memoryShare > 0 && memoryShare <= 1)) {
            throw new IllegalArgumentException("the share of memory must be above 0 and at most 1, not " + memoryShare);
        }
    }

    /// Makes options with the default KV cache, and with weights as they are stored, packed into memory.
    public EngineOptions(KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        this(
                kernels,
                threads,
                batchTokens,
                maxSequences,
                KeyValueOptions.DEFAULT,
                WeightEncoding.STORED,
                null,
                1,
                null);
    }

    /// Returns these options with another KV cache.
    public EngineOptions withKeyValues(KeyValueOptions value) {
        return new EngineOptions(
                kernels, threads, batchTokens, maxSequences, value, weights, adapter, memoryShare, cache);
    }

    /// Returns these options with another directory of packed models; null to pack into memory.
    public EngineOptions withCache(@Nullable Path value) {
        return new EngineOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, weights, adapter, memoryShare, value);
    }

    /// Returns these options with another encoding of weights.
    public EngineOptions withWeights(WeightEncoding value) {
        return new EngineOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, value, adapter, memoryShare, cache);
    }

    /// Returns these options with an adapter; null for none.
    public EngineOptions withAdapter(@Nullable Path value) {
        return new EngineOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, weights, value, memoryShare, cache);
    }

    /// Returns these options with another part of the memory for weights.
    public EngineOptions withMemoryShare(double value) {
        return new EngineOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, weights, adapter, value, cache);
    }
}
