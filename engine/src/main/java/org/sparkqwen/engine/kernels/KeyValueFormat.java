package org.sparkqwen.engine.kernels;

import org.sparkqwen.engine.kernels.format.Bf16Panels;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.kernels.format.Memory;

/// The format of the numbers in a [KeyValueBlock].
public enum KeyValueFormat {
    /// float32, as the numbers were computed.
    F32(Float.BYTES),

    /// bfloat16, rounded to nearest with ties to even: half the memory, and 8 bits of precision instead of 24.
    BF16(Short.BYTES),

    /// Integers of 8 bits with a scale for each position, head and 128 numbers, see [KeyValueIntegers]: a quarter
    /// of the memory, and a thirty-second more for the scales of heads of 128 numbers.
    INT8(Byte.BYTES);

    private final int bytes;

    KeyValueFormat(int bytes) {
        this.bytes = bytes;
    }

    /// The size of a number in bytes.
    public int bytes() {
        return bytes;
    }

    /// The format whose products read a block: integers are widened to float32 before.
    public KeyValueFormat multiplied() {
        return switch (this) {
            case F32, BF16 -> this;
            case INT8 -> F32;
        };
    }

    /// The distance in bytes from the first column of a panel's row to another column.
    public long offset(int column) {
        return switch (this) {
            case F32 -> (long) column * Float.BYTES;
            case BF16 -> (long) Bf16Panels.slot(column) * Short.BYTES;
            case INT8 -> column;
        };
    }

    public float get(long address) {
        return switch (this) {
            case F32 -> Memory.getFloat(address);
            case BF16 -> Bfloat16.widened(Memory.getShort(address));
            case INT8 -> throw withoutScale();
        };
    }

    public void set(long address, float value) {
        switch (this) {
            case F32 -> Memory.setFloat(address, value);
            case BF16 -> Memory.setShort(address, Bfloat16.rounded(value));
            case INT8 -> throw withoutScale();
        }
    }

    private static IllegalStateException withoutScale() {
        return new IllegalStateException("integers are read and written together with their scales");
    }
}
