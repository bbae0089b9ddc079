package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.Bf16Math;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.AmxTileCode;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.RoundCode;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.builder.TileKind;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;

/// [Bf16Math] computes what the processor's instructions compute, for numbers of all kinds: usual ones, those whose
/// results are next to the least normal number, and any bits.
class Bf16InstructionsTest {
    private static final int LANES = 16;

    private final Random random = new Random(5);

    /// Kinds of numbers.
    private enum Kind {
        USUAL(120, 16, 120, 20),
        TINY(60, 8, 0, 8),
        NEXT_TO_THE_LEAST(62, 3, 1, 1),
        ANY(0, 256, 0, 256);

        private final int lowest; // exponent of a factor
        private final int factors; // number of exponents
        private final int lowestSum;
        private final int sums;

        Kind(int lowest, int factors, int lowestSum, int sums) {
            this.lowest = lowest;
            this.factors = factors;
            this.lowestSum = lowestSum;
            this.sums = sums;
        }

        short factor(Random random) {
            return (short) ((random.nextInt() & 0x807f) | (lowest + random.nextInt(factors)) << 7);
        }

        float sum(Random random) {
            int fraction = this == NEXT_TO_THE_LEAST ? random.nextInt(4) : random.nextInt(1 << 23);
            int sign = random.nextInt() & 0x80000000;
            return Float.intBitsToFloat(sign | (lowestSum + random.nextInt(sums)) << 23 | fraction);
        }
    }

    @Test
    void roundingIsThatOfTheProcessor() {
        needs(Precision.BFLOAT16);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment in = arena.allocate(JAVA_FLOAT, 32);
            MemorySegment rounded = arena.allocate(JAVA_SHORT, 32);
            MemorySegment rest = arena.allocate(JAVA_SHORT, 32);
            for (int round = 0; round < 5000; round++) {
                for (int i = 0; i < 32; i++) {
                    int exponents = round % 2 == 0 ? random.nextInt(3) : random.nextInt(256);
                    in.setAtIndex(JAVA_INT, i, (random.nextInt() & 0x807fffff) | exponents << 23);
                }
                new Arguments()
                        .set(RoundCode.Field.FROM, in.address())
                        .set(RoundCode.Field.TO, rounded.address())
                        .set(RoundCode.Field.REST, rest.address())
                        .set(RoundCode.Field.BLOCKS, 1)
                        .call(RoundedFunctions.SPLIT);
                for (int i = 0; i < 32; i++) {
                    float number = in.getAtIndex(JAVA_FLOAT, i);
                    assertSame(widened(rounded, i), Bf16Math.rounded(number), "%s rounded", number);
                    assertSame(widened(rest, i), Bf16Math.remainder(number), "%s, the second part", number);
                }
            }
        }
    }

    @Test
    void pairsAreAddedAsByVdpbf16ps() {
        needs(Precision.BFLOAT16);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = arena.allocate(JAVA_SHORT, 2);
            MemorySegment panel = arena.allocate(AmxTileCode.PANEL_ROW, 64);
            MemorySegment sums = arena.allocate(Tiles.PANEL_ROW, 64);
            MemorySegment results = arena.allocate(Tiles.PANEL_ROW, 64);
            Tiles tiles = new Tiles(Functions.of(InstructionSet.AVX_512)).ahead(0, 0, 0);
            for (Kind kind : Kind.values()) {
                for (int round = 0; round < 5000; round++) {
                    fill(row, 2, kind);
                    fill(panel, 64, kind);
                    fillSums(sums, 32, kind);
                    tiles.panel(panel.address(), 1)
                            .multiply(
                                    TileKind.PAIRS,
                                    1,
                                    new Rows(row.address(), 4),
                                    1,
                                    new Rows(sums.address(), Tiles.PANEL_ROW),
                                    new Rows(results.address(), Tiles.PANEL_ROW),
                                    false);
                    for (int j = 0; j < 32; j++) {
                        float sum = sums.getAtIndex(JAVA_FLOAT, j);
                        float second = Bf16Math.multiplyAdd(widened(row, 1), widened(panel, 2 * j + 1), sum);
                        float expected = Bf16Math.multiplyAdd(widened(row, 0), widened(panel, 2 * j), second);
                        assertSame(results.getAtIndex(JAVA_FLOAT, j), expected, "%s onto %s", kind, sum);
                    }
                }
            }
        }
    }

    @Test
    void blocksAreAddedAsByTdpbf16ps() {
        needs(Precision.BFLOAT16_AMX);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = arena.allocate(JAVA_SHORT, 32);
            MemorySegment panel = arena.allocate(16L * AmxTileCode.PANEL_ROW, 64);
            MemorySegment sums = arena.allocate(Tiles.PANEL_ROW, 64);
            MemorySegment results = arena.allocate(Tiles.PANEL_ROW, 64);
            AmxTiles tiles = new AmxTiles().panel(panel.address(), 1).ahead(0, 0);
            for (Kind kind : Kind.values()) {
                for (int round = 0; round < 500; round++) {
                    fill(row, 32, kind);
                    fill(panel, 16 * 64, kind);
                    fillSums(sums, 32, kind);
                    tiles.multiply(
                            1,
                            new Rows(row.address(), 64),
                            0,
                            1,
                            new Rows(sums.address(), Tiles.PANEL_ROW),
                            new Rows(results.address(), Tiles.PANEL_ROW));
                    for (int j = 0; j < 32; j++) {
                        float even = 0f;
                        float odd = 0f;
                        for (int pair = 0; pair < LANES; pair++) {
                            int weight = pair * 64 + 2 * j;
                            even = Bf16Math.multiplyAdd(widened(row, 2 * pair), widened(panel, weight), even);
                            odd = Bf16Math.multiplyAdd(widened(row, 2 * pair + 1), widened(panel, weight + 1), odd);
                        }
                        float sum = sums.getAtIndex(JAVA_FLOAT, j);
                        float expected = Bf16Math.add(sum, Bf16Math.add(even, odd));
                        assertSame(results.getAtIndex(JAVA_FLOAT, j), expected, "%s onto %s", kind, sum);
                    }
                }
            }
        }
    }

    private static void needs(Precision precision) {
        new CodeProvider().obstacle(precision).ifPresent(reason -> assumeTrue(false, reason));
    }

    private void fill(MemorySegment halves, int count, Kind kind) {
        for (int i = 0; i < count; i++) {
            halves.setAtIndex(JAVA_SHORT, i, kind.factor(random));
        }
    }

    private void fillSums(MemorySegment floats, int count, Kind kind) {
        for (int i = 0; i < count; i++) {
            floats.setAtIndex(JAVA_FLOAT, i, kind.sum(random));
        }
    }

    private static float widened(MemorySegment halves, int index) {
        return Float.intBitsToFloat(halves.getAtIndex(JAVA_SHORT, index) << 16);
    }

    private static void assertSame(float actual, float expected, String description, Object... arguments) {
        boolean same = Float.isNaN(expected)
                ? Float.isNaN(actual)
                : Float.floatToRawIntBits(actual) == Float.floatToRawIntBits(expected);
        if (!same) {
            assertThat(actual).as(description, arguments).isEqualTo(expected);
            fail(description, arguments); // zeros of different signs
        }
    }
}
