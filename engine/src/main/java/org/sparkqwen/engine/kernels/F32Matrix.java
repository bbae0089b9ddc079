package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// float32 weights, for checkpoints of F32 and of F16, whose values bfloat16 cannot hold.
public record F32Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    private static final int VECTOR_BYTES = 64;

    public F32Matrix {
        Memory.address(panels, Matrix.packedElements(outputs, inputs));
    }

    /// Packs the `[outputs, inputs]` weights that `rows` gives.
    static F32Matrix pack(Panels.Rows rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.packedElements(outputs, inputs) * Float.BYTES, VECTOR_BYTES);
        long bytes = (long) inputs * PANEL * Float.BYTES;
        for (int panel = 0; panel < Matrix.panelCount(outputs); panel++) {
            Panels.fillF32(rows, outputs, inputs, panel, panels.asSlice(panel * bytes, bytes));
        }
        return new F32Matrix(outputs, inputs, panels);
    }
}
