package org.sparkqwen.engine.model;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import org.sparkqwen.engine.kernels.Buffers;

/// The working memory of a forward pass, in buffers of the kernels, with as many rows as the largest batch so far.
final class Activations implements AutoCloseable {
    /// The number of rows that pass through the feed-forward together, one for each token, or for each token and
    /// expert that it goes to. The rows of a whole batch are several times as wide as the model, and would take
    /// more memory than all else. This is a multiple of the rows that meet a panel together in the kernels, so that
    /// the last of them are not few.
    static final int FEED_FORWARD_ROWS = 1152;

    private final ModelConfig config;
    private final int feedForwardRows;
    private final Supplier<Buffers> memory;
    private Buffers buffers;
    private Buffers logitsBuffers;
    private int capacity;
    private int logitsCapacity;

    MemorySegment hidden = MemorySegment.NULL; // [tokens, hidden]: the residual stream
    MemorySegment normed = MemorySegment.NULL; // [tokens, hidden]: input of a sub-layer
    MemorySegment queries = MemorySegment.NULL; // [tokens, heads · headDim]: queries, then what attention makes of them
    MemorySegment keys = MemorySegment.NULL; // [tokens, keyValueHeads · headDim]
    MemorySegment values = MemorySegment.NULL; // [tokens, keyValueHeads · headDim]
    MemorySegment gated = MemorySegment.NULL; // [at most feedForwardRows, intermediate]
    MemorySegment routerLogits = MemorySegment.NULL; // [tokens, experts]
    MemorySegment logits = MemorySegment.NULL; // [rows, vocabulary], only for generation

    /// @param feedForwardRows the most rows that pass through the feed-forward together
    /// @param memory makes the kernels' memory: [org.sparkqwen.engine.kernels.Kernels#newBuffers]
    Activations(ModelConfig config, int feedForwardRows, Supplier<Buffers> memory) {
        this.config = config;
        this.feedForwardRows = feedForwardRows;
        this.memory = memory;
        buffers = memory.get();
        logitsBuffers = memory.get();
    }

    /// Makes room for `tokens` rows; contents are lost when the memory grows.
    void reserve(int tokens) {
        if (tokens <= capacity) {
            return;
        }
        buffers.close();
        buffers = memory.get();
        capacity = tokens;
        hidden = allocate(config.hiddenSize());
        normed = allocate(config.hiddenSize());
        queries = allocate(config.attention().queryWidth());
        keys = allocate(config.attention().keyValueWidth());
        values = allocate(config.attention().keyValueWidth());
        gated = buffers.allocateFloats(gatedFloats(config, tokens, feedForwardRows));
        routerLogits = allocate(experts(config));
    }

    /// Makes room for `rows` rows of logits; contents are lost when the memory grows.
    void reserveLogits(int rows) {
        if (rows <= logitsCapacity) {
            return;
        }
        logitsBuffers.close();
        logitsBuffers = memory.get();
        logitsCapacity = rows;
        logits = logitsBuffers.allocateFloats((long) rows * config.vocabSize());
    }

    /// The first `rows` rows of `normed` in memory that the host may read, until they are computed again.
    MemorySegment normedOnHost(int rows) {
        return buffers.onHost(normed.asSlice(0, (long) rows * config.hiddenSize() * Float.BYTES));
    }

    /// The first `rows` rows of logits in memory that the host may read, until they are computed again.
    MemorySegment logitsOnHost(int rows) {
        return logitsBuffers.onHost(logits.asSlice(0, (long) rows * config.vocabSize() * Float.BYTES));
    }

    private MemorySegment allocate(int width) {
        return buffers.allocateFloats((long) capacity * width);
    }

    /// The bytes that a batch of `tokens` needs.
    static long bytes(ModelConfig config, int tokens) {
        long row = 2L * config.hiddenSize()
                + config.attention().queryWidth()
                + 2L * config.attention().keyValueWidth()
                + experts(config);
        return Float.BYTES * (tokens * row + gatedFloats(config, tokens, FEED_FORWARD_ROWS));
    }

    private static int experts(ModelConfig config) {
        return config.mixture().map(MixtureShape::experts).orElse(0);
    }

    private static long gatedFloats(ModelConfig config, int tokens, int most) {
        long dense = (long) Math.min(tokens, most) * config.intermediateSize();
        long experts = config.mixture()
                .map(mixture -> Math.min((long) tokens * mixture.perToken(), most) * mixture.intermediateSize())
                .orElse(0L);
        return Math.max(config.denseLayers() == 0 ? 0 : dense, experts);
    }

    /// The rows of experts that `tokens` tokens need room for.
    static int expertRows(MixtureShape mixture, int tokens) {
        return (int) Math.min((long) tokens * mixture.perToken(), FEED_FORWARD_ROWS);
    }

    @Override
    public void close() {
        buffers.close();
        logitsBuffers.close();
    }
}
