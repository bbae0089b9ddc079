package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.sparkqwen.engine.kernels.Matrix.PANEL;

import java.lang.foreign.MemorySegment;

/// Packs row-major weights, `[outputs, inputs]`, into the panels of a [Matrix], one panel at a time.
public final class Panels {
    /// The number of inputs that are transposed together: their 32 rows and their panel fill the first-level cache.
    private static final int TILE = 256;

    private Panels() {}

    /// The source of a float32 weight's rows.
    public interface Rows {
        /// Fills `row`, `[inputs]`, with the weights of one output.
        void read(int output, float[] row);
    }

    /// Fills a panel with bfloat16 weights.
    ///
    /// @param rows `[outputs, inputs]`, any alignment
    /// @param panel from 0 to `Matrix.panelCount(outputs) - 1`
    /// @param out `[inputs, 32]`, each input's weights in the order of [Bf16Matrix#slot]; zero past the last output
    public static void fillBf16(MemorySegment rows, int outputs, int inputs, int panel, MemorySegment out) {
        int first = panel * PANEL;
        int height = Math.min(PANEL, outputs - first);
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
                    turned[input * PANEL + Bf16Matrix.slot(row)] = tile[row * TILE + input];
                }
            }
            MemorySegment.copy(turned, 0, out, JAVA_SHORT, (long) from * PANEL * Short.BYTES, width * PANEL);
        }
    }

    /// Fills a panel with float32 weights.
    ///
    /// @param panel from 0 to `Matrix.panelCount(outputs) - 1`
    /// @param out `[inputs, 32]`; zero past the last output
    public static void fillF32(Rows rows, int outputs, int inputs, int panel, MemorySegment out) {
        int first = panel * PANEL;
        float[] row = new float[inputs];
        out.fill((byte) 0);
        for (int column = 0; column < Math.min(PANEL, outputs - first); column++) {
            rows.read(first + column, row);
            for (int input = 0; input < inputs; input++) {
                out.setAtIndex(JAVA_FLOAT, (long) input * PANEL + column, row[input]);
            }
        }
    }
}
