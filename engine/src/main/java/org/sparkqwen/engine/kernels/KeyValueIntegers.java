package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.sparkqwen.engine.kernels.KeyValueBlock.TOKENS;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Keys and values of one head in 8 bits, as they lie in a [KeyValueBlock]:
///
/// ```
/// keys    [headDim][32 positions] bytes,            [ceil(headDim / 128)][32 positions] scales
/// values  [ceil(headDim / 32)][32 positions][32] bytes, [ceil(headDim / 128)][32 positions] scales
/// ```
///
/// The numbers of a position are rounded to integers from -127 to 127, with one float32 scale for each 128 numbers, as
/// [IntegerProduct] rounds rows. A number that is read is `integer · scale`, rounded to float32, and attention then
/// computes with these numbers in float32.
public final class KeyValueIntegers {
    private KeyValueIntegers() {}

    private static long scaleBytes(int headDim) {
        return (long) Math.ceilDiv(headDim, IntegerProduct.GROUP) * TOKENS * Float.BYTES;
    }

    static long keyBytes(int headDim) {
        return keyScales(headDim) + scaleBytes(headDim);
    }

    static long valueBytes(int headDim) {
        return valueScales(headDim) + scaleBytes(headDim);
    }

    /// The offset of the scales of a head's keys from its first key.
    public static long keyScales(int headDim) {
        return (long) headDim * TOKENS;
    }

    /// The offset of the scales of a head's values from its first value.
    public static long valueScales(int headDim) {
        return (long) Matrix.panelCount(headDim) * TOKENS * PANEL;
    }

    /// The offset of the scale that a number of a position has, from the first of these scales.
    public static long scale(int number, int slot) {
        return ((long) number / IntegerProduct.GROUP * TOKENS + slot) * Float.BYTES;
    }

    /// The offset of a number of a position's value from the head's first value.
    public static long value(int number, int slot) {
        return ((long) number / PANEL * TOKENS + slot) * PANEL + number % PANEL;
    }

    /// Rounds and writes the key and the value of a position.
    ///
    /// @param keys address of the head's keys in the block
    /// @param values address of the head's values in the block
    /// @param slot the position's place in the block
    static void write(long keys, long values, int slot, float[] key, float[] value) {
        int headDim = key.length;
        IntegerProduct.Row roundedKey = IntegerProduct.Row.of(key);
        IntegerProduct.Row roundedValue = IntegerProduct.Row.of(value);
        for (int i = 0; i < headDim; i++) {
            Memory.ALL.set(
                    JAVA_BYTE, keys + (long) i * TOKENS + slot, roundedKey.integers()[i]);
            Memory.ALL.set(JAVA_BYTE, values + value(i, slot), roundedValue.integers()[i]);
        }
        for (int i = 0; i < headDim; i += IntegerProduct.GROUP) {
            int group = i / IntegerProduct.GROUP;
            Memory.setFloat(
                    keys + keyScales(headDim) + scale(i, slot), roundedKey.scales()[group]);
            Memory.setFloat(
                    values + valueScales(headDim) + scale(i, slot), roundedValue.scales()[group]);
        }
    }

    /// Sets the values of the positions from `slot` on to zero.
    ///
    /// @param buffers those of the block
    /// @param values the head's values in the block
    static void clearValues(Buffers buffers, MemorySegment values, int headDim, int slot) {
        for (long at = 0; at < valueScales(headDim); at += (long) TOKENS * PANEL) {
            buffers.clear(values.asSlice(at + (long) slot * PANEL, (long) (TOKENS - slot) * PANEL));
        }
        for (long at = valueScales(headDim); at < valueBytes(headDim); at += (long) TOKENS * Float.BYTES) {
            buffers.clear(values.asSlice(at + (long) slot * Float.BYTES, (long) (TOKENS - slot) * Float.BYTES));
        }
    }

    /// Widens a head's keys.
    ///
    /// @param to `[headDim][32 positions]`
    public static void readKeys(long keys, int headDim, float[] to) {
        for (int i = 0; i < headDim * TOKENS; i++) {
            float scale = Memory.getFloat(keys + keyScales(headDim) + scale(i / TOKENS, i % TOKENS));
            to[i] = Memory.ALL.get(JAVA_BYTE, keys + i) * scale;
        }
    }

    /// Widens 32 numbers of each position's value.
    ///
    /// @param first the first number, a multiple of 32
    /// @param to `[32 positions][32]`
    public static void readValues(long values, int headDim, int first, float[] to) {
        for (int i = 0; i < TOKENS * PANEL; i++) {
            int slot = i / PANEL;
            float scale = Memory.getFloat(values + valueScales(headDim) + scale(first, slot));
            to[i] = Memory.ALL.get(JAVA_BYTE, values + value(first + i % PANEL, slot)) * scale;
        }
    }
}
