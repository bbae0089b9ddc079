package org.sparkqwen.engine.checkpoint;

import java.util.Arrays;
import java.util.Optional;
import org.sparkqwen.engine.kernels.KnownFormat;

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

    /// The format of weights that keeps the value of every number. F16 becomes float32, because it has more
    /// digits than bfloat16.
    public KnownFormat format() {
        return switch (this) {
            case BF16 -> KnownFormat.BF16;
            case F16, F32 -> KnownFormat.F32;
        };
    }

    static Optional<DType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }
}
