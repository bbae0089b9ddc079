package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;

/// Weights in float32: a panel is `[inputs][32]`.
final class F32Panels {
    private F32Panels() {}

    static long panelBytes(int inputs) {
        return (long) inputs * PANEL * Float.BYTES;
    }

    static float ofPanel(long panel, int input, int column) {
        return Memory.getFloat(panel + ((long) input * PANEL + column) * Float.BYTES);
    }

    static void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out) {
        int first = panel * PANEL;
        float[] row = new float[inputs];
        out.fill((byte) 0);
        for (int column = 0; column < Math.min(PANEL, outputs - first); column++) {
            rows.read(first + column, row);
            for (int input = 0; input < inputs; input++) {
                out.set(JAVA_FLOAT_UNALIGNED, ((long) input * PANEL + column) * Float.BYTES, row[input]);
            }
        }
    }

    static void packRow(WeightRows rows, int output, int inputs, MemorySegment out) {
        float[] row = new float[inputs];
        rows.read(output, row);
        MemorySegment.copy(row, 0, out, JAVA_FLOAT_UNALIGNED, 0, inputs);
    }
}
