package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

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
    public static Bf16Matrix pack(MemorySegment rows, int outputs, int inputs, SegmentAllocator memory) {
        MemorySegment panels = memory.allocate(Matrix.packedElements(outputs, inputs) * Short.BYTES, VECTOR_BYTES);
        short[] row = new short[inputs];
        for (int output = 0; output < outputs; output++) {
            MemorySegment.copy(rows, JAVA_SHORT_UNALIGNED, (long) output * inputs * Short.BYTES, row, 0, inputs);
            long column = (long) (output / PANEL) * inputs * PANEL + output % PANEL;
            for (int input = 0; input < inputs; input++) {
                panels.setAtIndex(JAVA_SHORT, column + (long) input * PANEL, row[input]);
            }
        }
        return new Bf16Matrix(outputs, inputs, panels);
    }
}
