package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.ByteTileCode;

/// Products of bytes are the same with the instructions of AMX and with those of AVX-512.
class ByteTilesTest {
    /// Rows, and fours of inputs: whole blocks, half a block, and numbers that AMX does not take.
    @ParameterizedTest
    @CsvSource({"1, 32", "12, 32", "13, 32", "16, 16", "33, 32", "100, 32", "7, 8", "40, 8", "25, 5"})
    void amxAndVectorInstructionsAgree(int rows, int fours) {
        new CodeProvider().obstacle(Precision.INT8).ifPresent(reason -> assumeTrue(false, reason));
        assumeTrue(CodeProvider.hasAmxBytes(), "the processor has no AMX");
        Random random = new Random(rows);
        int inputs = 4 * fours;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment group =
                    arena.allocate(2L * ByteTileCode.HEADER_ROW + fours * (long) ByteTileCode.FOUR_ROW, 64);
            for (int column = 0; column < 32; column++) {
                int sum = 0;
                for (int input = 0; input < inputs; input++) {
                    byte weight = (byte) (random.nextInt(255) - 127);
                    sum += weight;
                    long at = 2L * ByteTileCode.HEADER_ROW + input / 4 * 128L + column * 4L + input % 4;
                    group.set(JAVA_BYTE, at, weight);
                }
                group.setAtIndex(JAVA_FLOAT, column, random.nextFloat());
                group.setAtIndex(JAVA_INT, 32 + column, sum);
            }
            MemorySegment in = arena.allocate(rows * 128L, 64);
            for (long i = 0; i < in.byteSize(); i++) {
                in.set(JAVA_BYTE, i, (byte) random.nextInt());
            }
            MemorySegment scales = arena.allocate(JAVA_FLOAT, rows);
            MemorySegment start = arena.allocate(JAVA_FLOAT, rows * 32L);
            for (int i = 0; i < rows * 32; i++) {
                scales.setAtIndex(JAVA_FLOAT, i % rows, random.nextFloat());
                start.setAtIndex(JAVA_FLOAT, i, random.nextFloat());
            }
            MemorySegment[] sums = new MemorySegment[2];
            for (int i = 0; i < 2; i++) {
                sums[i] = arena.allocate(start.byteSize(), 64).copyFrom(start);
                new ByteTiles(i == 1)
                        .multiply(
                                group.address(),
                                fours,
                                new Rows(in.address(), 128),
                                scales.address(),
                                rows,
                                sums[i].address(),
                                group.address(),
                                0);
            }
            assertThat(sums[0].mismatch(start)).isNotEqualTo(-1);
            assertThat(sums[1].mismatch(sums[0])).isEqualTo(-1);
        }
    }
}
