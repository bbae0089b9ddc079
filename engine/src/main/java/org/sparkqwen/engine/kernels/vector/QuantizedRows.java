package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.format.Memory;

/// Rounds rows of float32 numbers to 8 bits, as [IntegerProduct] describes. The integers become bytes without a sign,
/// 128 more than they are, because that is what products of bytes take on one side.
public final class QuantizedRows {
    /// The byte of an integer of 0.
    public static final int ZERO = 128;

    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(Long.SIZE, LANES * Byte.SIZE)));

    private static final int ROUNDING_BITS = Float.floatToRawIntBits(IntegerProduct.ROUNDING);

    private QuantizedRows() {}

    /// Rounds a group of a row.
    ///
    /// @param from address of `[count]` float32 numbers
    /// @param count at most 128
    /// @param to address of `[count]` bytes
    /// @return the group's scale
    public static float round(long from, int count, long to) {
        float greatest = greatest(from, count);
        float factor = IntegerProduct.factor(greatest);
        if (factor == 0) {
            Memory.ALL.asSlice(to, count).fill((byte) ZERO);
            return IntegerProduct.scale(greatest);
        }
        int i = 0;
        if (LANES == BYTES.length()) {
            for (; i <= count - LANES; i += LANES) {
                ByteVector integers = (ByteVector) load(from + (long) i * Float.BYTES)
                        .mul(factor)
                        .add(IntegerProduct.ROUNDING)
                        .reinterpretAsInts()
                        .lanewise(VectorOperators.SUB, ROUNDING_BITS - ZERO)
                        .convertShape(VectorOperators.I2B, BYTES, 0);
                integers.intoMemorySegment(Memory.ALL, to + i, ByteOrder.nativeOrder());
            }
        }
        for (; i < count; i++) {
            float number = Memory.getFloat(from + (long) i * Float.BYTES);
            int bits = Float.floatToRawIntBits(number * factor + IntegerProduct.ROUNDING);
            Memory.ALL.set(ValueLayout.JAVA_BYTE, to + i, (byte) (bits - ROUNDING_BITS + ZERO));
        }
        return IntegerProduct.scale(greatest);
    }

    /// The greatest magnitude; NaN if there is one.
    private static float greatest(long from, int count) {
        FloatVector greatest = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            greatest = greatest.max(load(from + (long) i * Float.BYTES).abs());
        }
        float result = greatest.reduceLanes(VectorOperators.MAX);
        for (; i < count; i++) {
            result = Math.max(result, Math.abs(Memory.getFloat(from + (long) i * Float.BYTES)));
        }
        return result;
    }
}
