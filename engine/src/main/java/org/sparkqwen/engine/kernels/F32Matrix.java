package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// Weights in float32, for checkpoints in F32 and in F16, whose values bfloat16 cannot hold.
public record F32Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    public F32Matrix {
        Memory.address(panels, Matrix.packedElements(outputs, inputs));
    }

    @Override
    public int elementBytes() {
        return Float.BYTES;
    }
}
