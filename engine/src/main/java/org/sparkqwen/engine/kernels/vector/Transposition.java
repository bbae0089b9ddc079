package org.sparkqwen.engine.kernels.vector;

import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;
import org.sparkqwen.engine.kernels.format.Memory;

/// Transposes rows of floats in 512-bit registers. Number by number, this would take up to a tenth of the time of the
/// product that follows. Each step is one permutation of two registers.
final class Transposition {
    /// Whether registers are 512 bits wide.
    static final boolean POSSIBLE = OuterProduct.LANES == 16;

    /// The number of inputs that are transposed together, and of rows of a square.
    static final int SQUARE = 16;

    private static final long ROW_BYTES = SQUARE * Float.BYTES;

    /// The bytes of scratch memory that a square needs.
    static final long SCRATCH_BYTES = SQUARE * ROW_BYTES;

    private static final VectorSpecies<Integer> WORDS = IntVector.SPECIES_512;

    /// Interleaves the lower halves of two registers, as `PAIRS_HIGH` interleaves the upper halves.
    private static final IntVector PAIRS_LOW = words(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);

    private static final IntVector PAIRS_HIGH = words(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);

    /// Interleaves the pairs of two registers' lower halves, as `QUADS_HIGH` interleaves those of the upper halves.
    private static final IntVector QUADS_LOW = words(0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);

    private static final IntVector QUADS_HIGH = words(8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);

    /// The permutations for a tile of eight rows put a quad of the first four rows beside one of the last four, for
    /// two inputs.
    private static final IntVector OCTETS_LOW = quads(0, 4, 1, 5);

    private static final IntVector OCTETS_HIGH = quads(2, 6, 3, 7);

    /// The permutations for a tile of twelve rows put quads of the first and the second group of rows side by side,
    /// with room for the third's, and then the third's into that room. Quads 0 to 3 are the first register's, 4 to
    /// 7 the second's.
    private static final IntVector FIRST = quads(0, 4, 0, 1);

    private static final IntVector FIRST_FILLED = quads(0, 1, 4, 3);
    private static final IntVector SECOND = quads(5, 0, 2, 6);
    private static final IntVector SECOND_FILLED = quads(0, 5, 2, 3);
    private static final IntVector THIRD = quads(0, 3, 7, 0);
    private static final IntVector THIRD_FILLED = quads(6, 1, 2, 7);

    private Transposition() {}

    /// Transposes 12, 8 or 4 rows of 16 inputs, for a tile of [OuterProduct].
    ///
    /// Pairs of rows are interleaved, then pairs of pairs. That gives quads, each with four rows' numbers of one
    /// input. Then an input's quads are put side by side.
    ///
    /// @param rows the address of each row's first input
    /// @param skip bytes from there to the first input that is wanted
    /// @param to `[16][rows.length]` from index `at`
    static void tile(long[] rows, long skip, float[] to, int at) {
        switch (rows.length) {
            case 12 -> tile12(rows, skip, to, at);
            case 8 -> tile8(rows, skip, to, at);
            case 4 -> tile4(rows, skip, to, at);
            default -> throw new IllegalArgumentException("no tile of %d rows".formatted(rows.length));
        }
    }

    private static void tile12(long[] rows, long skip, float[] to, int at) {
        IntVector row0 = load(rows[0] + skip);
        IntVector row1 = load(rows[1] + skip);
        IntVector row2 = load(rows[2] + skip);
        IntVector row3 = load(rows[3] + skip);
        IntVector row4 = load(rows[4] + skip);
        IntVector row5 = load(rows[5] + skip);
        IntVector row6 = load(rows[6] + skip);
        IntVector row7 = load(rows[7] + skip);
        IntVector row8 = load(rows[8] + skip);
        IntVector row9 = load(rows[9] + skip);
        IntVector row10 = load(rows[10] + skip);
        IntVector row11 = load(rows[11] + skip);
        IntVector low0 = PAIRS_LOW.selectFrom(row0, row1);
        IntVector high0 = PAIRS_HIGH.selectFrom(row0, row1);
        IntVector low1 = PAIRS_LOW.selectFrom(row2, row3);
        IntVector high1 = PAIRS_HIGH.selectFrom(row2, row3);
        IntVector low2 = PAIRS_LOW.selectFrom(row4, row5);
        IntVector high2 = PAIRS_HIGH.selectFrom(row4, row5);
        IntVector low3 = PAIRS_LOW.selectFrom(row6, row7);
        IntVector high3 = PAIRS_HIGH.selectFrom(row6, row7);
        IntVector low4 = PAIRS_LOW.selectFrom(row8, row9);
        IntVector high4 = PAIRS_HIGH.selectFrom(row8, row9);
        IntVector low5 = PAIRS_LOW.selectFrom(row10, row11);
        IntVector high5 = PAIRS_HIGH.selectFrom(row10, row11);
        store(QUADS_LOW, low0, low1, low2, low3, low4, low5, to, at);
        store(QUADS_HIGH, low0, low1, low2, low3, low4, low5, to, at + 4 * 12);
        store(QUADS_LOW, high0, high1, high2, high3, high4, high5, to, at + 8 * 12);
        store(QUADS_HIGH, high0, high1, high2, high3, high4, high5, to, at + 12 * 12);
    }

    private static void tile8(long[] rows, long skip, float[] to, int at) {
        IntVector row0 = load(rows[0] + skip);
        IntVector row1 = load(rows[1] + skip);
        IntVector row2 = load(rows[2] + skip);
        IntVector row3 = load(rows[3] + skip);
        IntVector row4 = load(rows[4] + skip);
        IntVector row5 = load(rows[5] + skip);
        IntVector row6 = load(rows[6] + skip);
        IntVector row7 = load(rows[7] + skip);
        IntVector low0 = PAIRS_LOW.selectFrom(row0, row1);
        IntVector high0 = PAIRS_HIGH.selectFrom(row0, row1);
        IntVector low1 = PAIRS_LOW.selectFrom(row2, row3);
        IntVector high1 = PAIRS_HIGH.selectFrom(row2, row3);
        IntVector low2 = PAIRS_LOW.selectFrom(row4, row5);
        IntVector high2 = PAIRS_HIGH.selectFrom(row4, row5);
        IntVector low3 = PAIRS_LOW.selectFrom(row6, row7);
        IntVector high3 = PAIRS_HIGH.selectFrom(row6, row7);
        store(QUADS_LOW, low0, low1, low2, low3, to, at);
        store(QUADS_HIGH, low0, low1, low2, low3, to, at + 4 * 8);
        store(QUADS_LOW, high0, high1, high2, high3, to, at + 8 * 8);
        store(QUADS_HIGH, high0, high1, high2, high3, to, at + 12 * 8);
    }

    private static void tile4(long[] rows, long skip, float[] to, int at) {
        IntVector row0 = load(rows[0] + skip);
        IntVector row1 = load(rows[1] + skip);
        IntVector row2 = load(rows[2] + skip);
        IntVector row3 = load(rows[3] + skip);
        IntVector low0 = PAIRS_LOW.selectFrom(row0, row1);
        IntVector high0 = PAIRS_HIGH.selectFrom(row0, row1);
        IntVector low1 = PAIRS_LOW.selectFrom(row2, row3);
        IntVector high1 = PAIRS_HIGH.selectFrom(row2, row3);
        store(QUADS_LOW.selectFrom(low0, low1), to, at);
        store(QUADS_HIGH.selectFrom(low0, low1), to, at + 4 * 4);
        store(QUADS_LOW.selectFrom(high0, high1), to, at + 8 * 4);
        store(QUADS_HIGH.selectFrom(high0, high1), to, at + 12 * 4);
    }

    /// Transposes 16 rows of 16 inputs by four perfect shuffles. Each shuffle interleaves rows 0 to 7 with 8 to 15,
    /// and moves one bit of an element's row to its column and one of its column to its row.
    ///
    /// @param rows the address of each row's first input, from index `first`
    /// @param skip bytes from there to the first input that is wanted
    /// @param scratch address of [#SCRATCH_BYTES]
    /// @param to address of the first of 16 inputs, 16 numbers each
    /// @param toBytes from an input to the next
    static void square(long[] rows, int first, long skip, long scratch, long to, long toBytes) {
        for (int i = 0; i < 4; i++) {
            int row = first + i;
            shuffleTwice(
                    rows[row] + skip,
                    rows[row + 4] + skip,
                    rows[row + 8] + skip,
                    rows[row + 12] + skip,
                    scratch + 4L * i * ROW_BYTES,
                    ROW_BYTES);
        }
        for (int i = 0; i < 4; i++) {
            long row = scratch + i * ROW_BYTES;
            shuffleTwice(
                    row,
                    row + 4 * ROW_BYTES,
                    row + 8 * ROW_BYTES,
                    row + 12 * ROW_BYTES,
                    to + 4L * i * toBytes,
                    toBytes);
        }
    }

    /// Does two shuffles of rows i, i + 4, i + 8 and i + 12, which then are rows 4i to 4i + 3.
    private static void shuffleTwice(long row0, long row4, long row8, long row12, long to, long toBytes) {
        IntVector x0 = load(row0);
        IntVector x4 = load(row4);
        IntVector x8 = load(row8);
        IntVector x12 = load(row12);
        IntVector low0 = PAIRS_LOW.selectFrom(x0, x8);
        IntVector high0 = PAIRS_HIGH.selectFrom(x0, x8);
        IntVector low4 = PAIRS_LOW.selectFrom(x4, x12);
        IntVector high4 = PAIRS_HIGH.selectFrom(x4, x12);
        store(PAIRS_LOW.selectFrom(low0, low4), to);
        store(PAIRS_HIGH.selectFrom(low0, low4), to + toBytes);
        store(PAIRS_LOW.selectFrom(high0, high4), to + 2 * toBytes);
        store(PAIRS_HIGH.selectFrom(high0, high4), to + 3 * toBytes);
    }

    private static void store(IntVector words, long address) {
        OuterProduct.store(words.reinterpretAsFloats(), address);
    }

    private static IntVector load(long address) {
        return IntVector.fromMemorySegment(WORDS, Memory.ALL, address, ByteOrder.nativeOrder());
    }

    /// Stores four inputs of all twelve rows, from the pairs of rows that hold them.
    private static void store(
            IntVector quads,
            IntVector p0,
            IntVector p1,
            IntVector p2,
            IntVector p3,
            IntVector p4,
            IntVector p5,
            float[] to,
            int at) {
        IntVector a = quads.selectFrom(p0, p1);
        IntVector b = quads.selectFrom(p2, p3);
        IntVector c = quads.selectFrom(p4, p5);
        store(FIRST_FILLED.selectFrom(FIRST.selectFrom(a, b), c), to, at);
        store(SECOND_FILLED.selectFrom(SECOND.selectFrom(a, b), c), to, at + 16);
        store(THIRD_FILLED.selectFrom(THIRD.selectFrom(a, b), c), to, at + 32);
    }

    /// Stores four inputs of all eight rows, from the pairs of rows that hold them.
    private static void store(
            IntVector quads, IntVector p0, IntVector p1, IntVector p2, IntVector p3, float[] to, int at) {
        IntVector a = quads.selectFrom(p0, p1);
        IntVector b = quads.selectFrom(p2, p3);
        store(OCTETS_LOW.selectFrom(a, b), to, at);
        store(OCTETS_HIGH.selectFrom(a, b), to, at + 16);
    }

    private static void store(IntVector words, float[] to, int at) {
        words.reinterpretAsFloats().intoArray(to, at);
    }

    private static IntVector words(int... indices) {
        return IntVector.fromArray(WORDS, indices, 0);
    }

    private static IntVector quads(int... indices) {
        int[] words = new int[WORDS.length()];
        for (int i = 0; i < words.length; i++) {
            words[i] = indices[i / 4] * 4 + i % 4;
        }
        return words(words);
    }
}
