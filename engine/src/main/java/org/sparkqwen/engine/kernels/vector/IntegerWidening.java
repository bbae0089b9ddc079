package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Widens panels of integers to float32, as [IntegerLayout] describes, for micro-kernels that then meet no integers.
/// Each thread has its own.
final class IntegerWidening {
    private final MemorySegment memory = Arena.ofAuto().allocate(2L * Matrix.PANEL * Float.BYTES, Long.BYTES * 8);
    private final long scales = memory.address(); // [32], and then offsets [32]
    private final long offsets = scales + (long) Matrix.PANEL * Float.BYTES;

    /// Widens inputs `from` to `from + count - 1` of a panel.
    ///
    /// @param panel address of the panel
    /// @param to address of `[count][32]`
    void widen(IntegerLayout layout, long panel, int from, int count, long to) {
        int end = from + count;
        for (int first = from; first < end; ) {
            int next = Math.min((first / layout.groupInputs() + 1) * layout.groupInputs(), end);
            readScales(layout, panel, first);
            for (int input = first; input < next; input++) {
                long row = to + (long) (input - from) * Matrix.PANEL * Float.BYTES;
                widen(panel + layout.rowOffset(input), layout.rotation(input), layout.mask(), layout.base(), row);
            }
            first = next;
        }
    }

    /// Reads the scales of an input's group, and computes what is added to each product of a scale.
    private void readScales(IntegerLayout layout, long panel, int input) {
        for (int column = 0; column < Matrix.PANEL; column++) {
            float scale = layout.scale(panel, input, column);
            Memory.setFloat(scales + (long) column * Float.BYTES, scale);
            Memory.setFloat(offsets + (long) column * Float.BYTES, -layout.base() * scale);
        }
    }

    /// Widens one input of all outputs.
    private void widen(long words, int rotation, int mask, float base, long to) {
        for (int column = 0; column < Matrix.PANEL; column += LANES) {
            long offset = (long) column * Float.BYTES;
            FloatVector numbers = load(words + offset)
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.ROL, rotation)
                    .lanewise(VectorOperators.AND, mask)
                    .lanewise(VectorOperators.XOR, Float.floatToRawIntBits(base))
                    .reinterpretAsFloats();
            store(numbers.fma(load(scales + offset), load(offsets + offset)), to + offset);
        }
    }
}
