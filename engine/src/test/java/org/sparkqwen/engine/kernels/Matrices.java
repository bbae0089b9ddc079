package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// Whole weights, `[outputs, inputs]`, packed into memory.
public final class Matrices {
    private static final int VECTOR_BYTES = 64;

    private Matrices() {}

    /// @param rows row-major, little-endian, any alignment
    public static Bf16Matrix bf16(MemorySegment rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.packedElements(outputs, inputs) * Short.BYTES, VECTOR_BYTES);
        long bytes = (long) inputs * Matrix.PANEL * Short.BYTES;
        for (int panel = 0; panel < Matrix.panelCount(outputs); panel++) {
            Panels.fillBf16(rows, outputs, inputs, panel, panels.asSlice(panel * bytes, bytes));
        }
        return new Bf16Matrix(outputs, inputs, panels);
    }

    public static F32Matrix f32(Panels.Rows rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.packedElements(outputs, inputs) * Float.BYTES, VECTOR_BYTES);
        long bytes = (long) inputs * Matrix.PANEL * Float.BYTES;
        for (int panel = 0; panel < Matrix.panelCount(outputs); panel++) {
            Panels.fillF32(rows, outputs, inputs, panel, panels.asSlice(panel * bytes, bytes));
        }
        return new F32Matrix(outputs, inputs, panels);
    }
}
