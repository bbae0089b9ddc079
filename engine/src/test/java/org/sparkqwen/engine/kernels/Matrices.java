package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.kernels.format.WeightRows;

/// Whole weights, `[outputs, inputs]`, packed into memory.
public final class Matrices {
    private static final int VECTOR_BYTES = 64;

    private Matrices() {}

    /// @param rows row-major, little-endian, any alignment
    public static Matrix bf16(MemorySegment rows, int outputs, int inputs, SegmentAllocator memory) {
        WeightRows source = new WeightRows() {
            @Override
            public void read(int output, float[] row) {
                throw new UnsupportedOperationException("read as bfloat16");
            }

            @Override
            public MemorySegment bf16() {
                return rows;
            }
        };
        return packed(KnownFormat.BF16, source, outputs, inputs, memory);
    }

    public static Matrix f32(WeightRows rows, int outputs, int inputs, SegmentAllocator memory) {
        return packed(KnownFormat.F32, rows, outputs, inputs, memory);
    }

    public static Matrix packed(
            WeightFormat format, WeightRows rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.bytes(format, outputs, inputs), VECTOR_BYTES);
        long bytes = format.panelBytes(inputs);
        for (int panel = 0; panel < Matrix.panelCount(outputs); panel++) {
            format.packPanel(rows, outputs, inputs, panel, panels.asSlice(panel * bytes, bytes));
        }
        return new Matrix(format, outputs, inputs, panels);
    }
}
