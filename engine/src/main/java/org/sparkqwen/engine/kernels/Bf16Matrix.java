package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// bfloat16 weights, the upper half of a float's bits, widened where they are used: half the memory and half the
/// traffic of floats, the same values.
///
/// Of the 32 outputs of a panel, 0 and 16 share a word of 32 bits, 1 and 17 the next, and so on. So a vector of words
/// holds a weight of 16 consecutive outputs in its low halves, and of the 16 after them in its high ones; a shift and a
/// mask make two vectors of floats of it.
public record Bf16Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    public Bf16Matrix {
        Memory.addressOfBytes(panels, Matrix.packedElements(outputs, inputs) * Short.BYTES);
    }

    @Override
    public int elementBytes() {
        return Short.BYTES;
    }

    /// Where an output lies among the 32 of its panel.
    public static int slot(int output) {
        return output % 16 * 2 + output / 16;
    }
}
