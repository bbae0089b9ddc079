package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// Weights in bfloat16, the upper half of a float's bits. They are widened where they are used: the values are the same
/// as with floats, with half the memory and half the traffic.
///
/// Of the 32 outputs of a panel, 0 and 16 share a word of 32 bits, 1 and 17 share the next, and so on. So the low
/// halves of a vector of words hold the weights of 16 consecutive outputs, and the high halves hold those of the next
/// 16. A shift and a mask turn it into two vectors of floats.
public record Bf16Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    public Bf16Matrix {
        Memory.addressOfBytes(panels, Matrix.packedElements(outputs, inputs) * Short.BYTES);
    }

    @Override
    public int elementBytes() {
        return Short.BYTES;
    }

    /// The place of an output among the 32 of its panel.
    public static int slot(int output) {
        return output % 16 * 2 + output / 16;
    }
}
