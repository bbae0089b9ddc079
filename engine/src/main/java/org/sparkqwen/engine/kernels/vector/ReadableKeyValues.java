package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.sparkqwen.engine.kernels.KeyValueBlock.TOKENS;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.KeyValueIntegers;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Hands out the keys and values of a head of a block in the form that attention's products read, which is
/// [KeyValueFormat#multiplied]. Numbers of 8 bits are widened to the layout that they have in float32, and all others
/// stay where they lie. The widened numbers are those of [KeyValueIntegers].
final class ReadableKeyValues {
    private static final int ROW = PANEL * Float.BYTES;

    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(Long.SIZE, LANES * Byte.SIZE)));

    private ReadableKeyValues() {}

    /// The address of a head's keys in a form that products read.
    ///
    /// @param stored address of the head's keys in the block
    /// @param to address of `[headDim][32 positions]` float32 numbers, overwritten if the keys are widened
    static long keys(KeyValueFormat format, int headDim, long stored, long to) {
        return switch (format) {
            case F32, BF16 -> stored;
            case INT8 -> {
                widenKeys(stored, headDim, to);
                yield to;
            }
        };
    }

    /// The address of a head's values in a form that products read.
    ///
    /// @param stored address of the head's values in the block
    /// @param to address of `[ceil(headDim / 32)][32 positions][32]` float32 numbers, overwritten if the values are
    ///     widened
    static long values(KeyValueFormat format, int headDim, long stored, long to) {
        return switch (format) {
            case F32, BF16 -> stored;
            case INT8 -> {
                widenValues(stored, headDim, to);
                yield to;
            }
        };
    }

    private static void widenKeys(long keys, int headDim, long to) {
        long scales = keys + KeyValueIntegers.keyScales(headDim);
        for (int i = 0; i < headDim; i++) {
            long group = scales + KeyValueIntegers.scale(i, 0);
            for (int slot = 0; slot < TOKENS; slot += LANES) {
                FloatVector integers = integers(keys + (long) i * TOKENS + slot);
                store(
                        integers.mul(load(group + (long) slot * Float.BYTES)),
                        to + (long) i * ROW + (long) slot * Float.BYTES);
            }
        }
    }

    private static void widenValues(long values, int headDim, long to) {
        long scales = values + KeyValueIntegers.valueScales(headDim);
        for (int row = 0; row < Matrix.panelCount(headDim) * TOKENS; row++) {
            int group = row / TOKENS * PANEL / IntegerProduct.GROUP;
            int slot = row % TOKENS;
            float scale = Memory.getFloat(scales + ((long) group * TOKENS + slot) * Float.BYTES);
            for (int column = 0; column < PANEL; column += LANES) {
                FloatVector integers = integers(values + (long) row * PANEL + column);
                store(integers.mul(scale), to + (long) row * ROW + (long) column * Float.BYTES);
            }
        }
    }

    private static FloatVector integers(long from) {
        if (LANES == BYTES.length()) {
            return (FloatVector) ByteVector.fromMemorySegment(BYTES, Memory.ALL, from, ByteOrder.nativeOrder())
                    .convertShape(VectorOperators.B2F, FLOATS, 0);
        }
        FloatVector integers = FloatVector.zero(FLOATS);
        for (int lane = 0; lane < LANES; lane++) {
            integers = integers.withLane(lane, Memory.ALL.get(JAVA_BYTE, from + lane));
        }
        return integers;
    }
}
