package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.kernels.format.WeightRows;

/// What the benchmarks compute with: numbers from −0.5 to 0.5, always the same.
final class RandomOperands {
    private static final int CACHE_LINE = 64;

    private final Arena arena;
    private final Random random = new Random(1);

    RandomOperands(Arena arena) {
        this.arena = arena;
    }

    MemorySegment floats(long count) {
        MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, next());
        }
        return segment;
    }

    Matrix bf16(int outputs, int inputs) {
        return matrix(KnownFormat.BF16, outputs, inputs);
    }

    /// A weight whose numbers are rounded to a format.
    Matrix matrix(WeightFormat format, int outputs, int inputs) {
        MemorySegment panels = arena.allocate(Matrix.bytes(format, outputs, inputs), CACHE_LINE);
        MemorySegment rounded = arena.allocate(JAVA_SHORT, (long) Matrix.PANEL * inputs);
        for (long i = 0; i < (long) Matrix.PANEL * inputs; i++) {
            rounded.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(next()) >>> 16));
        }
        WeightRows rows = new RepeatedRows(rounded, inputs);
        long bytes = format.panelBytes(inputs);
        format.packPanel(rows, Matrix.PANEL, inputs, 0, panels.asSlice(0, bytes));
        for (int panel = 1; panel < Matrix.panelCount(outputs); panel++) {
            MemorySegment.copy(panels, 0, panels, panel * bytes, bytes); // numbers do not matter to the time
        }
        return new Matrix(format, outputs, inputs, panels);
    }

    /// Copies a weight into other memory, so that no cache has it.
    Matrix copy(Matrix weight) {
        MemorySegment panels = arena.allocate(weight.bytes(), CACHE_LINE);
        return new Matrix(weight.format(), weight.outputs(), weight.inputs(), panels.copyFrom(weight.panels()));
    }

    /// The weights of a panel.
    ///
    /// @param bf16 `[32, inputs]`
    private record RepeatedRows(MemorySegment bf16, int inputs) implements WeightRows {
        @Override
        public void read(int output, float[] row) {
            for (int i = 0; i < inputs; i++) {
                row[i] = Bfloat16.widened(bf16.getAtIndex(JAVA_SHORT, (long) output * inputs + i));
            }
        }
    }

    private float next() {
        return random.nextFloat() - 0.5f;
    }
}
