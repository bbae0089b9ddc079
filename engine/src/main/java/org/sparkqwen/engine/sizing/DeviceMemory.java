package org.sparkqwen.engine.sizing;

import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.ModelConfig;

/// The memory of a GPU, and what an engine needs of it.
///
/// @param memory bytes that the engine may take
/// @param weights bytes of the weights, which all lie in the GPU's memory, see [#weightBytes]
/// @param batchTokens tokens that are computed together
/// @param working bytes of the largest batch
public record DeviceMemory(long memory, long weights, int batchTokens, long working) {
    /// The greatest batch that is chosen by default.
    public static final int MOST_BATCH_TOKENS = Device.FULL_GPU_BATCH;

    /// The smallest batch that is chosen by default.
    public static final int LEAST_BATCH_TOKENS = 512;

    /// The memory that is not planned with: the driver's own, and what lies idle between buffers.
    private static final long OF_DRIVER = 512L << 20;

    private static final int PART_OF_GAPS = 50;

    /// The part of what weights leave that a batch may take by default. The rest is for the KV cache.
    private static final int PART_OF_BATCH = 4;

    /// Plans with a batch of a given size.
    ///
    /// @param bytes the memory of the GPU, or the part of it that is free
    /// @param weights bytes of the weights there
    /// @param window tokens of the longest window; a window that is longer than a batch is computed alone
    public static DeviceMemory of(ModelConfig config, long bytes, long weights, int batchTokens, int window) {
        return new DeviceMemory(
                usable(bytes), weights, batchTokens, working(config, batchTokens, Math.max(window, batchTokens)));
    }

    /// Plans with the largest batch up to [#MOST_BATCH_TOKENS] that leaves most of the memory to the KV cache.
    ///
    /// @param bytes the memory of the GPU, or the part of it that is free
    /// @param weights bytes of the weights there
    public static DeviceMemory of(ModelConfig config, long bytes, long weights) {
        long room = (usable(bytes) - weights) / PART_OF_BATCH;
        int batch = MOST_BATCH_TOKENS;
        while (batch > LEAST_BATCH_TOKENS && working(config, batch, batch) > room) {
            batch /= 2;
        }
        return of(config, bytes, weights, batch, batch);
    }

    /// The bytes that packed weights take in the memory of a GPU. A head that serves as embedding, too, is there
    /// twice: once for products, and once as it is packed, for looking up tokens.
    public static long weightBytes(ModelConfig config, PackedLayout layout, Precision precision) {
        KernelProvider provider = KernelChoice.gpuProvider();
        long bytes = 0;
        for (PackedTensor tensor : layout.tensors()) {
            boolean isMatrix = tensor.form().arrangement() == PackedTensor.Arrangement.PANELS;
            bytes += isMatrix
                    ? provider.matrixBytes(tensor.form().format(), tensor.outputs(), tensor.inputs(), precision)
                    : tensor.bytes();
            boolean isLookedUp = isMatrix && config.tiedEmbeddings() && tensor.outputs() == config.vocabSize();
            bytes += isLookedUp ? tensor.bytes() : 0;
        }
        return bytes;
    }

    private static long usable(long bytes) {
        return Math.max(0, bytes - OF_DRIVER - bytes / PART_OF_GAPS);
    }

    private static long working(ModelConfig config, int batchTokens, int window) {
        return WorkingMemory.operands(config, batchTokens, window)
                + KernelChoice.gpuProvider()
                        .deviceBytes(WorkingMemory.sizes(config, batchTokens, window, 1, config.vocabSize()));
    }

    /// Whether weights and a batch have room.
    public boolean fits() {
        return left() >= 0;
    }

    /// The bytes that weights and a batch leave for the KV cache of generated texts; negative if they do not fit.
    public long left() {
        return memory - weights - working;
    }
}
