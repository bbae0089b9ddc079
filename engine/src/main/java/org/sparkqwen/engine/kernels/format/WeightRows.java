package org.sparkqwen.engine.kernels.format;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The source from which a weight, `[outputs, inputs]`, is packed.
public interface WeightRows {
    /// Fills `row`, `[inputs]`, with the weights of one output.
    void read(int output, float[] row);

    /// The rows in memory as bfloat16, at any alignment; null if they are in another format. They are packed
    /// without a detour through float32.
    default @Nullable MemorySegment bf16() {
        return null;
    }

    /// The weights as integers and scales that the format holds; null if a format of integers has to round
    /// them.
    default @Nullable ScaledIntegers integers() {
        return null;
    }
}
