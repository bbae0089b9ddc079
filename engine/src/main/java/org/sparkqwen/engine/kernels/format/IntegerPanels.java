package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;

/// Packs panels in an [IntegerLayout], group after group of each output. Integers and scales of a checkpoint that fit
/// are kept, and other weights are rounded.
final class IntegerPanels {
    private IntegerPanels() {}

    /// How a format rounds weights.
    interface Rounding {
        /// The scale of inputs `from` to `end - 1`, which the format's layout holds exactly.
        float scale(float[] row, int from, int end);

        int integer(float number, float scale);
    }

    static void pack(
            IntegerLayout layout,
            Rounding rounding,
            WeightRows rows,
            int outputs,
            int inputs,
            int panel,
            MemorySegment out) {
        ScaledIntegers kept = rows.integers();
        int first = panel * PANEL;
        float[] row = new float[inputs];
        byte[] integers = new byte[inputs];
        out.fill((byte) 0);
        for (int column = 0; column < Math.min(PANEL, outputs - first); column++) {
            if (kept == null) {
                rows.read(first + column, row);
            } else {
                kept.read(first + column, integers);
            }
            for (int from = 0; from < inputs; from += layout.groupInputs()) {
                int end = Math.min(from + layout.groupInputs(), inputs);
                float scale =
                        kept == null ? rounding.scale(row, from, end) : layout.keptScale(kept, first + column, from);
                int sum = 0;
                for (int input = from; input < end; input++) {
                    if (kept == null) {
                        integers[input] = (byte) rounding.integer(row[input], scale);
                    }
                    sum += integers[input];
                }
                layout.setHeader(out, from, column, scale, sum);
            }
            for (int input = 0; input < inputs; input += layout.wordInputs()) {
                out.set(JAVA_INT_UNALIGNED, layout.wordOffset(input, column), layout.word(integers, input));
            }
        }
    }
}
