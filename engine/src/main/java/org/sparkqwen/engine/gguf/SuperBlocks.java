package org.sparkqwen.engine.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Blocks of 256 numbers, which are divided into parts with a scale each (k-quants). The scales of the parts are small
/// integers themselves, and float16 numbers of the whole block say what they are worth.
///
/// In [#Q4_K] and [#Q5_K], a part has 32 numbers, a scale and a minimum, and `d` and `m` are the first two float16
/// numbers of the block: `number = (d * scale) * integer - (m * minimum)`. In [#Q6_K], a part has 16 numbers and no
/// minimum. All products are exact in float32, so only the subtraction rounds.
public enum SuperBlocks implements BlockFormat {
    /// `d`, `m`, 12 bytes of scales and minimums, and 128 bytes with integers of 4 bits. Two parts share 32 bytes:
    /// the even one has the low bits, the odd one the high bits.
    Q4_K(144) {
        @Override
        public void decode(MemorySegment data, long at, float[] out, int to) {
            for (int part = 0; part < PARTS; part++) {
                float scale = half(data, at) * scale(data, at + SCALES, part);
                float minimum = half(data, at + Short.BYTES) * minimum(data, at + SCALES, part);
                long lows = at + SCALES + SCALE_BYTES + (long) PART * (part / 2);
                for (int i = 0; i < PART; i++) {
                    int integer = bits(data, lows + i, 4 * (part % 2), 4);
                    out[to + part * PART + i] = scale * integer - minimum;
                }
            }
        }
    },
    /// The same as [#Q4_K] with 32 bytes of fifth bits before the other four. Bit `p` of byte `i` belongs to number
    /// `i` of part `p`.
    Q5_K(176) {
        @Override
        public void decode(MemorySegment data, long at, float[] out, int to) {
            long highs = at + SCALES + SCALE_BYTES;
            for (int part = 0; part < PARTS; part++) {
                float scale = half(data, at) * scale(data, at + SCALES, part);
                float minimum = half(data, at + Short.BYTES) * minimum(data, at + SCALES, part);
                long lows = highs + PART + (long) PART * (part / 2);
                for (int i = 0; i < PART; i++) {
                    int integer = bits(data, lows + i, 4 * (part % 2), 4) + 16 * bits(data, highs + i, part, 1);
                    out[to + part * PART + i] = scale * integer - minimum;
                }
            }
        }
    },
    /// 128 bytes with the low 4 bits of integers, 64 bytes with the high 2 bits, 16 scales of 8 bits with a sign,
    /// and `d`: `number = (d * scale) * (integer - 32)`. Each half of the block has 64 bytes of low bits and 32 of
    /// high bits. Within a half, number `32 q + i` has its low bits in byte `32 (q mod 2) + i`, on the side that `q
    /// / 2` names, and its high bits in byte `i` from bit `2 q` on.
    Q6_K(210) {
        @Override
        public void decode(MemorySegment data, long at, float[] out, int to) {
            float d = half(data, at + 208);
            for (int part = 0; part < PARTS; part++) {
                int half = part / 4;
                int quarter = part % 4;
                long lows = at + 64L * half + 32L * (quarter % 2);
                long highs = at + 128 + 32L * half;
                for (int i = 0; i < PART; i++) {
                    int integer =
                            bits(data, lows + i, 4 * (quarter / 2), 4) + 16 * bits(data, highs + i, 2 * quarter, 2);
                    int number = PART * part + i;
                    out[to + number] = d * data.get(JAVA_BYTE, at + 192 + number / 16) * (integer - 32);
                }
            }
        }
    };

    private static final int NUMBERS = 256;
    private static final int PARTS = 8;
    private static final int PART = NUMBERS / PARTS;

    /// The first byte of the scales and minimums, after `d` and `m`.
    private static final int SCALES = 2 * Short.BYTES;

    private static final int SCALE_BYTES = 12;

    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int bytes;

    SuperBlocks(int bytes) {
        this.bytes = bytes;
    }

    @Override
    public int numbers() {
        return NUMBERS;
    }

    @Override
    public int bytes() {
        return bytes;
    }

    private static float half(MemorySegment data, long at) {
        return Float.float16ToFloat(data.get(HALF, at));
    }

    /// Some bits of a byte, as a number without a sign.
    private static int bits(MemorySegment data, long at, int from, int count) {
        return (data.get(JAVA_BYTE, at) >> from) & ((1 << count) - 1);
    }

    /// The scale of a part, 6 bits. Those of parts 0 to 3 are the low bits of bytes 0 to 3. Parts 4 to 7 have the
    /// low 4 bits of bytes 8 to 11, and their high 2 bits on top of bytes 0 to 3.
    private static int scale(MemorySegment data, long scales, int part) {
        return part < 4
                ? bits(data, scales + part, 0, 6)
                : bits(data, scales + part + 4, 0, 4) + 16 * bits(data, scales + part - 4, 6, 2);
    }

    /// The minimum of a part, 6 bits. It lies like the scale, in bytes 4 to 7 and on the high side of bytes 8 to
    /// 11.
    private static int minimum(MemorySegment data, long scales, int part) {
        return part < 4
                ? bits(data, scales + part + 4, 0, 6)
                : bits(data, scales + part + 4, 4, 4) + 16 * bits(data, scales + part, 6, 2);
    }
}
