package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// bfloat16 weights, the upper half of a float's bits, widened where they are used: half the memory and half the
/// traffic of floats, the same values.
public record Bf16Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    private static final int VECTOR_BYTES = 64;

    public Bf16Matrix {
        Memory.addressOfBytes(panels, Matrix.packedElements(outputs, inputs) * Short.BYTES);
    }

    /// Packs row-major `[outputs, inputs]` bfloat16 weights.
    ///
    /// @param rows little-endian, any alignment
    static Bf16Matrix pack(MemorySegment rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.packedElements(outputs, inputs) * Short.BYTES, VECTOR_BYTES);
        long bytes = (long) inputs * PANEL * Short.BYTES;
        for (int panel = 0; panel < Matrix.panelCount(outputs); panel++) {
            Panels.fillBf16(rows, outputs, inputs, panel, panels.asSlice(panel * bytes, bytes));
        }
        return new Bf16Matrix(outputs, inputs, panels);
    }
}
