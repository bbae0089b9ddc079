package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Products of rows in 8 bits with panels of integers, as [IntegerProduct] defines them. The Vector API has no
/// product of bytes, so integers are widened to 32 bits. Each thread has its own.
final class IntegerRows {
    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

    private MemorySegment memory = MemorySegment.NULL; // one row: floats, and then bytes
    private byte[] integers = new byte[0]; // [rows][inputs]
    private float[] scales = new float[0]; // [rows][groups]

    /// Rounds the rows of a tile.
    ///
    /// @param in `[inputs][height]` from index `from`
    void take(float[] in, int from, int height, int inputs) {
        int groups = groups(inputs);
        integers = integers.length < height * inputs ? new byte[height * inputs] : integers;
        scales = scales.length < height * groups ? new float[height * groups] : scales;
        long floatBytes = (long) inputs * Float.BYTES;
        if (memory.byteSize() < floatBytes + inputs) {
            memory = Arena.ofAuto().allocate(floatBytes + inputs, Long.BYTES);
        }
        long row = memory.address();
        for (int i = 0; i < height; i++) {
            for (int input = 0; input < inputs; input++) {
                Memory.setFloat(row + (long) input * Float.BYTES, in[from + input * height + i]);
            }
            for (int group = 0; group < groups; group++) {
                int first = group * IntegerProduct.GROUP;
                int count = Math.min(IntegerProduct.GROUP, inputs - first);
                long bytes = row + floatBytes + first;
                scales[i * groups + group] = QuantizedRows.round(row + (long) first * Float.BYTES, count, bytes);
                for (int j = 0; j < count; j++) {
                    integers[i * inputs + first + j] = (byte) (Memory.getByte(bytes + j) - QuantizedRows.ZERO);
                }
            }
        }
    }

    private static int groups(int inputs) {
        return Math.ceilDiv(inputs, IntegerProduct.GROUP);
    }

    /// Computes the products of the rows that are taken with a panel.
    ///
    /// @param sums `[height][32]` from index `at`, written
    void multiply(Matrix weight, long panel, int height, float[] sums, int at) {
        IntegerLayout layout = IntegerLayout.of(weight.format());
        int inputs = weight.inputs();
        Arrays.fill(sums, at, at + height * PANEL, 0f);
        for (int row = 0; row < height; row++) {
            for (int from = 0; from < inputs; from += layout.groupInputs()) {
                int end = Math.min(from + layout.groupInputs(), inputs);
                float scale = scales[row * groups(inputs) + from / IntegerProduct.GROUP];
                for (int column = 0; column < PANEL; column += LANES) {
                    IntVector sum = sum(layout, panel, row * inputs, from, end, column);
                    int place = at + row * PANEL + column;
                    ((FloatVector) sum.convert(VectorOperators.I2F, 0))
                            .fma(scaled(layout, panel, from, column, scale), FloatVector.fromArray(FLOATS, sums, place))
                            .intoArray(sums, place);
                }
            }
        }
    }

    private IntVector sum(IntegerLayout layout, long panel, int row, int from, int end, int column) {
        IntVector sum = IntVector.zero(INTS);
        for (int input = from; input < end; input++) {
            long words = panel + layout.rowOffset(input) + (long) column * Integer.BYTES;
            IntVector weights = load(words)
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, Integer.SIZE - layout.bits() - layout.shift(input))
                    .lanewise(VectorOperators.ASHR, Integer.SIZE - layout.bits());
            sum = sum.add(weights.mul((int) integers[row + input]));
        }
        return sum;
    }

    /// The scales of some outputs' group, times the row's.
    private static FloatVector scaled(IntegerLayout layout, long panel, int input, int column, float scale) {
        float[] scales = new float[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            scales[lane] = scale * layout.scale(panel, input, column + lane);
        }
        return FloatVector.fromArray(FLOATS, scales, 0);
    }
}
