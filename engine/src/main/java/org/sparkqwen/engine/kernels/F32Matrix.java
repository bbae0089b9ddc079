package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// float32 weights, for checkpoints of F32 and of F16, whose values bfloat16 cannot hold.
public record F32Matrix(int outputs, int inputs, MemorySegment panels) implements Matrix {
    private static final int VECTOR_BYTES = 64;

    public F32Matrix {
        Memory.address(panels, Matrix.packedElements(outputs, inputs));
    }

    /// Where the rows of a weight come from.
    public interface Rows {
        /// Fills `row`, `[inputs]`, with the weights of one output.
        void read(int output, float[] row);
    }

    /// Packs the `[outputs, inputs]` weights that `rows` gives.
    public static F32Matrix pack(Rows rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.packedElements(outputs, inputs) * Float.BYTES, VECTOR_BYTES);
        float[] row = new float[inputs];
        for (int output = 0; output < outputs; output++) {
            rows.read(output, row);
            long column = (long) (output / PANEL) * inputs * PANEL + output % PANEL;
            for (int input = 0; input < inputs; input++) {
                panels.setAtIndex(JAVA_FLOAT, column + (long) input * PANEL, row[input]);
            }
        }
        return new F32Matrix(outputs, inputs, panels);
    }
}
