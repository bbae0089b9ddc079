package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;

/// float32 weights, for checkpoints of F32 and of F16, whose values bfloat16 cannot hold.
public record F32Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    public F32Matrix {
        Memory.address(panels, Matrix.packedElements(outputs, inputs));
    }

    @Override
    public int elementBytes() {
        return Float.BYTES;
    }
}
