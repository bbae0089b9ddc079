package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;

/// Weights in bfloat16, the upper half of a float's bits. They are widened where they are used: the values are the same
/// as with floats, with half the memory and half the traffic.
///
/// A panel is `[inputs][32]`. Of the 32 outputs, 0 and 16 share a word of 32 bits, 1 and 17 share the next, and so on.
/// So the low halves of a vector of words hold the weights of 16 consecutive outputs, and the high halves hold those of
/// the next 16. A shift and a mask turn it into two vectors of floats.
public final class Bf16Panels {
    /// The number of inputs that are transposed together: their 32 rows and their panel fill the first-level cache.
    private static final int TILE = 256;

    private Bf16Panels() {}

    static long panelBytes(int inputs) {
        return (long) inputs * PANEL * Short.BYTES;
    }

    /// The place of an output among the 32 of its panel.
    public static int slot(int output) {
        return output % 16 * 2 + output / 16;
    }

    static float ofPanel(long panel, int input, int column) {
        return Bfloat16.widened(Memory.getShort(panel + ((long) input * PANEL + slot(column)) * Short.BYTES));
    }

    static void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out) {
        int first = panel * PANEL;
        int height = Math.min(PANEL, outputs - first);
        MemorySegment halves = rows.bf16();
        if (halves != null) {
            transpose(halves, first, height, inputs, out);
            return;
        }
        float[] row = new float[inputs];
        out.fill((byte) 0);
        for (int column = 0; column < height; column++) {
            rows.read(first + column, row);
            for (int input = 0; input < inputs; input++) {
                long at = ((long) input * PANEL + slot(column)) * Short.BYTES;
                out.set(JAVA_SHORT_UNALIGNED, at, Bfloat16.rounded(row[input]));
            }
        }
    }

    /// @param rows `[outputs, inputs]`, any alignment
    /// @param height number of rows from `first` on
    private static void transpose(MemorySegment rows, int first, int height, int inputs, MemorySegment out) {
        short[] tile = new short[PANEL * TILE];
        short[] turned = new short[TILE * PANEL];
        for (int from = 0; from < inputs; from += TILE) {
            int width = Math.min(TILE, inputs - from);
            for (int row = 0; row < height; row++) {
                long at = ((long) (first + row) * inputs + from) * Short.BYTES;
                MemorySegment.copy(rows, JAVA_SHORT_UNALIGNED, at, tile, row * TILE, width);
            }
            for (int input = 0; input < width; input++) {
                for (int row = 0; row < height; row++) {
                    turned[input * PANEL + slot(row)] = tile[row * TILE + input];
                }
            }
            long at = (long) from * PANEL * Short.BYTES;
            MemorySegment.copy(turned, 0, out, JAVA_SHORT_UNALIGNED, at, width * PANEL);
        }
    }

    static void packRow(WeightRows rows, int output, int inputs, MemorySegment out) {
        MemorySegment halves = rows.bf16();
        if (halves != null) {
            long bytes = (long) inputs * Short.BYTES;
            MemorySegment.copy(halves, output * bytes, out, 0, bytes);
            return;
        }
        float[] row = new float[inputs];
        rows.read(output, row);
        for (int input = 0; input < inputs; input++) {
            out.set(JAVA_SHORT_UNALIGNED, (long) input * Short.BYTES, Bfloat16.rounded(row[input]));
        }
    }
}
