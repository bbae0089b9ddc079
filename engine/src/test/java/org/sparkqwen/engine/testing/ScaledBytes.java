package org.sparkqwen.engine.testing;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.format.WeightRows;
import org.sparkqwen.engine.kernels.format.WidenedFormat;

/// A format of weights that no back-end knows: signed bytes with a scale for each output. A panel is `[32 scales]` in
/// float32 and `[inputs][32]` bytes, a row is its scale and `[inputs]` bytes.
///
/// A scale is a power of two, so products of scales and bytes are exact.
public final class ScaledBytes implements WidenedFormat {
    private static final long SCALES = (long) Matrix.PANEL * Float.BYTES;

    @Override
    public String name() {
        return "SCALED_BYTES";
    }

    @Override
    public long panelBytes(int inputs) {
        return SCALES + (long) inputs * Matrix.PANEL;
    }

    @Override
    public float ofPanel(long panel, int inputs, int input, int column) {
        float scale = Memory.getFloat(panel + (long) column * Float.BYTES);
        return scale * Memory.ALL.get(JAVA_BYTE, panel + SCALES + (long) input * Matrix.PANEL + column);
    }

    @Override
    public void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out) {
        int first = panel * Matrix.PANEL;
        float[] row = new float[inputs];
        out.fill((byte) 0);
        for (int column = 0; column < Math.min(Matrix.PANEL, outputs - first); column++) {
            rows.read(first + column, row);
            float scale = scale(row);
            out.set(JAVA_FLOAT_UNALIGNED, (long) column * Float.BYTES, scale);
            for (int input = 0; input < inputs; input++) {
                long at = SCALES + (long) input * Matrix.PANEL + column;
                out.set(JAVA_BYTE, at, (byte) Math.round(row[input] / scale));
            }
        }
    }

    @Override
    public long rowBytes(int inputs) {
        return (long) Float.BYTES + inputs;
    }

    @Override
    public float ofRow(long row, int inputs, int input) {
        return Memory.getFloat(row) * Memory.ALL.get(JAVA_BYTE, row + Float.BYTES + input);
    }

    @Override
    public void packRow(WeightRows rows, int output, int inputs, MemorySegment out) {
        float[] row = new float[inputs];
        rows.read(output, row);
        float scale = scale(row);
        out.set(JAVA_FLOAT_UNALIGNED, 0, scale);
        for (int input = 0; input < inputs; input++) {
            out.set(JAVA_BYTE, Float.BYTES + input, (byte) Math.round(row[input] / scale));
        }
    }

    /// The least power of two with which all numbers fit into a byte.
    private static float scale(float[] row) {
        float greatest = Float.MIN_NORMAL;
        for (float number : row) {
            greatest = Math.max(greatest, Math.abs(number));
        }
        float scale = Math.scalb(1f, Math.getExponent(greatest) - 6);
        return greatest / scale > Byte.MAX_VALUE ? 2 * scale : scale;
    }
}
