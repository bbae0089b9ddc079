package org.sparkqwen.job.model;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.model.WeightEncoding;

/// The way in which each executor runs a model. Of these options only the KV cache's format, the weights' encoding and
/// the kernels' precision change the output, and the kind of the device its last digits.
///
/// @param kernels what computes, and on which device
/// @param threads how many threads an executor computes with; 0 for as many as it has cores
/// @param batchTokens the tokens that go through the model together; 0 for [#DEFAULT_BATCH_TOKENS] on the processor,
///     and on a GPU for as many as its memory has room for, up to 16,896
/// @param maxSequences how many texts an executor generates at the same time
/// @param keyValues the format of the KV cache in generation
/// @param weights the encoding in which executors pack the weights of a published model
/// @param memory the most bytes of the KV cache; 0 for what the executor, or its GPU, has room for
/// @param cacheDirectory where executors keep models and packed weights; null for each host's default
/// @param cacheBytes the most bytes of that directory; 0 for half of what its disk would have free without it
public record ExecutorOptions(
        KernelChoice kernels,
        int threads,
        int batchTokens,
        int maxSequences,
        KeyValueFormat keyValues,
        WeightEncoding weights,
        long memory,
        @Nullable String cacheDirectory,
        long cacheBytes)
        implements Serializable {

    /// The default batch. It fills the kernels' tiles many times over. For 4B it needs 270 MiB of working memory
    /// with two threads, and 50 MiB more with each further one.
    public static final int DEFAULT_BATCH_TOKENS = 2048;

    /// The most threads of an executor. More than a host has cores are of no use, and some ten thousand may take
    /// all that its system can give.
    public static final int MOST_THREADS = 1024;

    /// The default number of texts that an executor generates at the same time.
    public static final int DEFAULT_MAX_SEQUENCES = 64;

    /// The default options: all the cores of an executor, an exact KV cache, and the default sizes and cache
    /// directory.
    public static final ExecutorOptions DEFAULT = new ExecutorOptions(
            KernelChoice.AUTO,
            0,
            DEFAULT_BATCH_TOKENS,
            DEFAULT_MAX_SEQUENCES,
            KeyValueFormat.F32,
            WeightEncoding.STORED,
            0,
            null,
            0);

    /// Returns these options with other kernels.
    public ExecutorOptions withKernels(KernelChoice value) {
        return new ExecutorOptions(
                value, threads, batchTokens, maxSequences, keyValues, weights, memory, cacheDirectory, cacheBytes);
    }

    /// Returns these options for executors that compute on a device. On the processor, options without a number of
    /// batch tokens get the default.
    ///
    /// @throws IllegalArgumentException if the device has not the kernels or the precision of these options
    public ExecutorOptions on(Device device) {
        ExecutorOptions there = withKernels(kernels.on(device));
        return device.isGpu() || batchTokens > 0 ? there : there.withBatchTokens(DEFAULT_BATCH_TOKENS);
    }

    /// Returns these options with so many threads for each executor; 0 for as many as it has cores.
    public ExecutorOptions withThreads(int value) {
        return new ExecutorOptions(
                kernels, value, batchTokens, maxSequences, keyValues, weights, memory, cacheDirectory, cacheBytes);
    }

    /// Returns these options with so many tokens that go through the model together.
    public ExecutorOptions withBatchTokens(int value) {
        return new ExecutorOptions(
                kernels, threads, value, maxSequences, keyValues, weights, memory, cacheDirectory, cacheBytes);
    }

    /// Returns these options with so many texts that an executor generates at the same time.
    public ExecutorOptions withMaxSequences(int value) {
        return new ExecutorOptions(
                kernels, threads, batchTokens, value, keyValues, weights, memory, cacheDirectory, cacheBytes);
    }

    /// Returns these options with another format of the KV cache.
    public ExecutorOptions withKeyValues(KeyValueFormat value) {
        return new ExecutorOptions(
                kernels, threads, batchTokens, maxSequences, value, weights, memory, cacheDirectory, cacheBytes);
    }

    /// Returns these options with another encoding of weights.
    public ExecutorOptions withWeights(WeightEncoding value) {
        return new ExecutorOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, value, memory, cacheDirectory, cacheBytes);
    }

    /// Returns these options with so many bytes of the KV cache at most; 0 for what the executor has room for.
    public ExecutorOptions withMemory(long value) {
        return new ExecutorOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, weights, value, cacheDirectory, cacheBytes);
    }

    /// Returns these options with another directory of models and packed weights; null for each host's default.
    public ExecutorOptions withCacheDirectory(@Nullable String value) {
        return new ExecutorOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, weights, memory, value, cacheBytes);
    }

    /// Returns these options with at most so many bytes in the cache directory; 0 for half of what its disk would
    /// have free.
    public ExecutorOptions withCacheBytes(long value) {
        return new ExecutorOptions(
                kernels, threads, batchTokens, maxSequences, keyValues, weights, memory, cacheDirectory, value);
    }
}
