package org.sparkqwen.engine.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Blocks of 32 numbers with one scale, a float16 that comes first: `number = scale * integer`.
public enum ScaledBlocks implements BlockFormat {
    /// Integers from -8 to 7, stored as 4 bits with 8 added. Byte `i` has number `i` in its low bits and number
    /// `i + 16` in its high bits.
    Q4_0(16) {
        @Override
        void decode(MemorySegment data, long at, float scale, float[] out, int to) {
            for (int i = 0; i < NUMBERS / 2; i++) {
                int pair = data.get(JAVA_BYTE, at + i);
                out[to + i] = scale * ((pair & 15) - 8);
                out[to + i + NUMBERS / 2] = scale * (((pair >> 4) & 15) - 8);
            }
        }
    },
    /// Integers from -128 to 127, one a byte.
    Q8_0(32) {
        @Override
        void decode(MemorySegment data, long at, float scale, float[] out, int to) {
            for (int i = 0; i < NUMBERS; i++) {
                out[to + i] = scale * data.get(JAVA_BYTE, at + i);
            }
        }
    };

    private static final int NUMBERS = 32;
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int integerBytes;

    ScaledBlocks(int integerBytes) {
        this.integerBytes = integerBytes;
    }

    @Override
    public int numbers() {
        return NUMBERS;
    }

    @Override
    public int bytes() {
        return Short.BYTES + integerBytes;
    }

    @Override
    public void decode(MemorySegment data, long at, float[] out, int to) {
        decode(data, at + Short.BYTES, scale(data, at), out, to);
    }

    /// The scale of a block.
    ///
    /// @param at the first byte of the block in `data`
    public float scale(MemorySegment data, long at) {
        return Float.float16ToFloat(data.get(HALF, at));
    }

    /// Reads the integers of a block, without its scale.
    ///
    /// @param at the first byte of the block in `data`
    /// @param out receives [#numbers] integers from index `to` on
    public void integers(MemorySegment data, long at, float[] out, int to) {
        decode(data, at + Short.BYTES, 1f, out, to);
    }

    /// @param at the first byte after the scale
    abstract void decode(MemorySegment data, long at, float scale, float[] out, int to);
}
