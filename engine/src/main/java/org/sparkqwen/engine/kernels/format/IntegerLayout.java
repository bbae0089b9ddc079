package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;

/// How the integers of a quantized format lie in a panel, and how they become float32 numbers.
///
/// A panel is group after group of inputs. A group is a header with the scales of the 32 outputs, and rows of 32 words
/// of 32 bits, one word an output. A word holds the integers of consecutive inputs, and zeros past the last input. So
/// one load brings the integers of 16 outputs and several inputs, and the same instructions widen them for all outputs.
///
/// An integer becomes a float without a conversion: rotated to the top of the mantissa, it counts in steps of one in a
/// float whose exponent is fixed, of which it is the distance from [#base]. So
///
/// ```
/// number = (rotated word & mask) ^ bits of base        = base + integer
/// weight = fma(number, scale, -base · scale)           = integer · scale, rounded once
/// ```
///
/// The last line holds for scales of at most 22 significant bits, because then `base · scale` is exact. Scales that
/// rounded weights get have fewer, with which `integer · scale` is exact, too. Scales of a checkpoint that keeps its
/// integers may have all 22.
public enum IntegerLayout {
    /// 8 bits: [Int8Panels].
    INT8(Byte.SIZE, 128, 2 * Matrix.PANEL * Float.BYTES, 384f),

    /// 4 bits: [Int4Panels].
    INT4(4, 32, Matrix.PANEL * Short.BYTES, 24f);

    /// The bytes of a row of words: a word for each output.
    public static final int ROW_BYTES = Matrix.PANEL * Integer.BYTES;

    /// A number of inputs that is a multiple of the inputs of a group in every layout.
    public static final int GROUPS = 128;

    private static final int MANTISSA_BITS = 23;

    private final int bits;
    private final int groupInputs;
    private final int headerBytes;
    private final float base;

    IntegerLayout(int bits, int groupInputs, int headerBytes, float base) {
        this.bits = bits;
        this.groupInputs = groupInputs;
        this.headerBytes = headerBytes;
        this.base = base;
    }

    /// The layout of a format.
    ///
    /// @throws IllegalArgumentException if the format's numbers are not integers
    public static IntegerLayout of(WeightFormat format) {
        return switch (format) {
            case KnownFormat.INT8 -> INT8;
            case KnownFormat.INT4 -> INT4;
            default -> throw new IllegalArgumentException("%s has no integers".formatted(format.name()));
        };
    }

    /// The format whose layout this is.
    public KnownFormat format() {
        return switch (this) {
            case INT8 -> KnownFormat.INT8;
            case INT4 -> KnownFormat.INT4;
        };
    }

    /// Whether all integers from `least` to `greatest` have a place.
    public boolean holds(int least, int greatest) {
        int half = 1 << (bits - 1);
        return least >= -half && greatest < half;
    }

    /// Whether the layout has a place for this scale, and weights with it are `integer · scale`, rounded once.
    public boolean holds(float scale) {
        return switch (this) {
            case INT8 -> Float.isFinite(base * scale) && base * scale == (double) base * scale;
            case INT4 -> Float.isFinite(scale) && Float.float16ToFloat(Float.floatToFloat16(scale)) == scale;
        };
    }

    /// Returns the scale of weights whose integers are kept.
    ///
    /// @throws ArithmeticException if the layout does not hold it
    float keptScale(ScaledIntegers integers, int output, int input) {
        float scale = integers.scale(output, input);
        if (!holds(scale)) {
            throw new ArithmeticException(
                    "its scale for output %,d and input %,d is %s".formatted(output, input, scale));
        }
        return scale;
    }

    /// The number of inputs of a group; the last group of a panel may have fewer.
    public int groupInputs() {
        return groupInputs;
    }

    /// The bytes of a group before its rows of words; a multiple of a cache line's 64.
    public int headerBytes() {
        return headerBytes;
    }

    /// The bits of an integer.
    public int bits() {
        return bits;
    }

    /// The number of inputs whose integers share a word.
    public int wordInputs() {
        return Integer.SIZE / bits;
    }

    /// The float32 number that is an integer of 0 before its scale.
    public float base() {
        return base;
    }

    /// The bits of a float32 number in which an integer lies.
    public int mask() {
        return ((1 << bits) - 1) << (MANTISSA_BITS - bits);
    }

    /// By how many bits a word is rotated to the left so that the integer of an input comes to the bits of [#mask].
    public int rotation(int input) {
        return Math.floorMod(MANTISSA_BITS - bits - shift(input), Integer.SIZE);
    }

    /// The place of an input's lowest bit in its word. Of 8 inputs in 4 bits, the first four have the lower halves
    /// of the bytes, and the others the upper halves. So a word is two words of bytes, whose integers follow each
    /// other.
    public int shift(int input) {
        int place = input % wordInputs();
        return place % Integer.BYTES * Byte.SIZE + place / Integer.BYTES * bits;
    }

    /// The distance from the start of a panel to the group of an input.
    public long groupOffset(int input) {
        int groupRows = groupInputs / wordInputs();
        return (long) input / groupInputs * (headerBytes + (long) groupRows * ROW_BYTES);
    }

    /// The distance from the start of a panel to the row of words that has the integers of an input.
    public long rowOffset(int input) {
        return groupOffset(input) + headerBytes + (long) input % groupInputs / wordInputs() * ROW_BYTES;
    }

    /// The bytes of a panel.
    public long panelBytes(int inputs) {
        long groups = Math.ceilDiv(inputs, groupInputs);
        return groups * headerBytes + (long) Math.ceilDiv(inputs, wordInputs()) * ROW_BYTES;
    }

    /// The distance from the start of a panel to the word of an input and an output.
    long wordOffset(int input, int column) {
        return rowOffset(input) + (long) column * Integer.BYTES;
    }

    /// The word with the integers of an input and of those after it, as many as share a word.
    ///
    /// @param integers `[inputs]`
    int word(byte[] integers, int input) {
        int word = 0;
        for (int i = 0; i < Math.min(wordInputs(), integers.length - input); i++) {
            word |= (integers[input + i] & ((1 << bits) - 1)) << shift(i);
        }
        return word;
    }

    /// The integer of an input in a panel.
    public int integer(long panel, int input, int column) {
        int word = Memory.getInt(panel + wordOffset(input, column));
        return word << (Integer.SIZE - bits - shift(input)) >> (Integer.SIZE - bits);
    }

    /// The scale of the group of an input.
    public float scale(long panel, int input, int column) {
        long group = panel + groupOffset(input);
        return switch (this) {
            case INT8 -> Memory.getFloat(group + (long) column * Float.BYTES);
            case INT4 -> Float.float16ToFloat(Memory.getShort(group + (long) column * Short.BYTES));
        };
    }

    /// Writes what precedes the integers of a group.
    ///
    /// @param panel the whole panel
    /// @param input the group's first input
    /// @param sum the sum of the group's integers, which 8 bits have
    void setHeader(MemorySegment panel, int input, int column, float scale, int sum) {
        long group = groupOffset(input);
        switch (this) {
            case INT8 -> {
                panel.set(JAVA_FLOAT_UNALIGNED, group + (long) column * Float.BYTES, scale);
                panel.set(JAVA_INT_UNALIGNED, group + (PANEL + column) * (long) Float.BYTES, sum);
            }
            case INT4 ->
                panel.set(JAVA_SHORT_UNALIGNED, group + (long) column * Short.BYTES, Float.floatToFloat16(scale));
        }
    }

    /// The weight of an integer, by the formula of the fast back-ends, so that the bits are the same for any scale.
    public float weight(int integer, float scale) {
        return Math.fma(base + integer, scale, -base * scale);
    }

    /// The index of the first number, from `from` to `end - 1`, of the greatest magnitude.
    ///
    /// @throws ArithmeticException if one of them is infinite or not a number
    static int greatest(float[] row, int from, int end) {
        int greatest = from;
        for (int i = from; i < end; i++) {
            if (!Float.isFinite(row[i])) {
                throw new ArithmeticException("a weight is %s, which no scale reaches".formatted(row[i]));
            }
            if (Math.abs(row[i]) > Math.abs(row[greatest])) {
                greatest = i;
            }
        }
        return greatest;
    }
}
