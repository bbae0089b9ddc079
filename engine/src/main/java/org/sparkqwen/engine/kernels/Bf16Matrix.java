package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// bfloat16 weights, the upper half of a float's bits, widened where they are used: half the memory and half the
/// traffic of floats, the same values.
public record Bf16Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    public Bf16Matrix {
        Memory.addressOfBytes(panels, Matrix.packedElements(outputs, inputs) * Short.BYTES);
    }
}
