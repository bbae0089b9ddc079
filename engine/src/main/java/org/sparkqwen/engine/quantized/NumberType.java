package org.sparkqwen.engine.quantized;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;

/// The number types of safetensors that the engine reads, with the format's own names. Only BF16, F16 and F32 can be
/// weights by themselves. The others are parts of quantized weights.
public enum NumberType {
    BF16(2),
    F16(2),
    F32(4),
    /// Floats of 8 bits with 4 bits of exponent, no infinities, and two NaNs: [Float8].
    F8_E4M3(1),
    I8(1),
    I32(4),
    I64(8);

    /// The types that can be weights by themselves.
    public static final Set<NumberType> PLAIN = Set.of(BF16, F16, F32);

    private final int bytes;

    NumberType(int bytes) {
        this.bytes = bytes;
    }

    /// The bytes of a number.
    public int bytes() {
        return bytes;
    }

    /// The type with a name; empty if the engine reads no such numbers.
    public static Optional<NumberType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }
}
