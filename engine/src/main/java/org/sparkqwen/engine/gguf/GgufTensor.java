package org.sparkqwen.engine.gguf;

import java.util.List;

/// A tensor as the header of a GGUF file describes it.
///
/// @param name the name in the file, `blk.0.ffn_up.weight`
/// @param shape the outer dimension first, `[outputs, inputs]`; the file has it the other way round
/// @param from its first byte in the file
/// @param bytes its size
public record GgufTensor(String name, TensorType type, List<Integer> shape, long from, long bytes) {
    public GgufTensor {
        shape = List.copyOf(shape);
    }

    long to() {
        return from + bytes;
    }
}
