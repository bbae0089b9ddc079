package org.sparkqwen.engine.sizing;

import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.model.MixtureShape;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.Transformer;

/// The memory that an engine needs beside the mapped weights.
///
/// @param offHeap bytes of native memory
/// @param heap bytes of the Java heap, without requests and results
public record WorkingMemory(long offHeap, long heap) {
    /// The number of blocks of keys and values that a batch of documents takes, as a multiple of the blocks that
    /// its tokens would fill. Each document's last block is only partly filled.
    private static final int BLOCKS_TO_FULL_ONES = 2;

    /// The most memory that scoring needs.
    ///
    /// @param window tokens of the longest window; a window that is longer than a batch is computed alone
    public static WorkingMemory scoring(ModelConfig config, int batchTokens, int window, int threads) {
        return of(config, batchTokens, window, threads, config.vocabSize());
    }

    private static WorkingMemory of(ModelConfig config, int batchTokens, int window, int threads, int vocabulary) {
        OperationSizes sizes = sizes(config, batchTokens, window, threads, vocabulary);
        return new WorkingMemory(
                operands(config, batchTokens, window) + KernelChoice.nativeBytes(sizes), KernelChoice.heapBytes(sizes));
    }

    /// The bytes of the operands of a batch: activations, and the keys and values of a layer.
    static long operands(ModelConfig config, int batchTokens, int window) {
        long blocks = Math.max(mostBlocks(batchTokens), Math.ceilDiv(window, KeyValueBlock.TOKENS));
        long keysAndValues = blocks * KeyValueBlock.bytes(config.attention(), KeyValueFormat.F32);
        return Transformer.workingBytes(config, Math.max(batchTokens, window), window) + keysAndValues;
    }

    static OperationSizes sizes(ModelConfig config, int batchTokens, int window, int threads, int vocabulary) {
        int tokens = Math.max(batchTokens, window);
        int widest = Math.max(
                config.denseLayers() == 0 ? 0 : config.intermediateSize(),
                Math.max(config.hiddenSize(), config.attention().queryWidth()));
        return new OperationSizes(
                threads,
                tokens,
                widest,
                vocabulary,
                Transformer.expertRows(config, tokens),
                config.mixture().map(MixtureShape::experts).orElse(0),
                config.hiddenSize());
    }

    /// The most memory that embedding needs. It is that of scoring without the head.
    ///
    /// @param longest tokens of the longest text; a text that is longer than a batch is computed alone
    public static WorkingMemory embedding(ModelConfig config, int batchTokens, int longest, int threads) {
        return of(config, batchTokens, longest, threads, 0);
    }

    /// The memory that scoring needs beside that of [#scoring], if the most likely tokens are wanted.
    public static WorkingMemory ranking(ModelConfig config) {
        return new WorkingMemory(Transformer.rankedBytes(config), 0);
    }

    /// The most blocks of a layer that a batch of several documents may take. Very short documents reach this limit
    /// before they fill a batch.
    public static int mostBlocks(int batchTokens) {
        return BLOCKS_TO_FULL_ONES * Math.ceilDiv(batchTokens, KeyValueBlock.TOKENS);
    }

    /// The memory that two kinds of work, or two engines of one process, need together.
    public WorkingMemory plus(WorkingMemory other) {
        return new WorkingMemory(offHeap + other.offHeap, heap + other.heap);
    }

    public long total() {
        return offHeap + heap;
    }
}
