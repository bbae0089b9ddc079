package org.sparkqwen.engine.request;

import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The options of the KV cache of texts that are generated.
///
/// @param format number format of keys and values; [KeyValueFormat#F32] gives the bits of scoring
/// @param bytes the most native memory that it takes
/// @param blockTokens positions that are handed out together, a multiple of 32
public record KeyValueOptions(KeyValueFormat format, long bytes, int blockTokens) {
    /// The default: exact numbers, and at most 1 GiB.
    public static final KeyValueOptions DEFAULT = new KeyValueOptions(KeyValueFormat.F32, 1L << 30);

    public KeyValueOptions {
        if (bytes < 1) {
            throw new IllegalArgumentException("memory must be at least 1 byte, not " + bytes);
        }
    }

    /// Makes options with the smallest blocks, which share the most.
    public KeyValueOptions(KeyValueFormat format, long bytes) {
        this(format, bytes, KeyValueBlock.TOKENS);
    }

    /// Returns these options with blocks of so many positions.
    public KeyValueOptions withBlockTokens(int value) {
        return new KeyValueOptions(format, bytes, value);
    }
}
