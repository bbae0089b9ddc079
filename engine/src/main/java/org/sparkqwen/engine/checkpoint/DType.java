package org.sparkqwen.engine.checkpoint;

import java.util.Arrays;
import java.util.Optional;

/// The number formats of a checkpoint that the engine reads, with the names that safetensors uses.
public enum DType {
    BF16(2),
    F16(2),
    F32(4);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /// The size of a number in bytes.
    public int bytes() {
        return bytes;
    }

    static Optional<DType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }
}
