package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightRows;

/// In each precision, every operation that multiplies weights gives the same bits on every back-end, on one thread and
/// on two, for a row alone and among others.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrecisionBitsTest {
    /// Tokens, outputs and inputs.
    private static final int[][] SHAPES = {
        {1, 1, 1},
        {1, 40, 64},
        {1, 64, 600}, // several groups of integers, the last of them shorter
        {3, 33, 40},
        {5, 64, 416},
        {8, 96, 640},
        {12, 96, 96},
        {16, 64, 31}, // less than a block, and an odd number
        {17, 32, 33}, // one input more than a block, one row more than a tile register
        {31, 65, 255},
        {33, 100, 257}, // one input more than a piece
        {100, 64, 600},
        {300, 70, 290} // more rows than meet a panel together
    };

    private final Random random = new Random(19);
    private final Map<Precision, List<Kernels>> all = new EnumMap<>(Precision.class);
    private Arena arena = Arena.ofShared();

    @BeforeAll
    void createKernels() {
        for (Precision precision : Precision.values()) {
            all.put(precision, BackEnds.create(precision, 1, 2));
        }
    }

    @AfterAll
    void closeKernels() {
        all.values().forEach(kernels -> kernels.forEach(Kernels::close));
        arena.close();
    }

    @AfterEach
    void freeMemory() {
        arena.close();
        arena = Arena.ofShared();
    }

    private static Stream<Precision> lower() {
        return Stream.of(Precision.values()).filter(precision -> precision != Precision.FLOAT32);
    }

    @ParameterizedTest
    @MethodSource("lower")
    void linear(Precision precision) {
        for (int[] shape : SHAPES) {
            MemorySegment in = randoms(shape[0] * shape[2]);
            for (Matrix weight : weights(shape[1], shape[2])) {
                assertSameBits(
                        precision,
                        shape[0] * shape[1],
                        (kernels, out) -> kernels.linear(in, shape[0], List.of(new Projection(weight, out))));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("lower")
    void linearOntoASum(Precision precision) {
        for (int[] shape : SHAPES) {
            MemorySegment in = randoms(shape[0] * shape[2]);
            MemorySegment sum = randoms(shape[0] * shape[1]);
            for (Matrix weight : weights(shape[1], shape[2])) {
                assertSameBits(precision, shape[0] * shape[1], (kernels, out) -> {
                    out.copyFrom(sum);
                    kernels.addLinear(in, shape[0], weight, out);
                });
            }
        }
    }

    @ParameterizedTest
    @MethodSource("lower")
    void gateAndUp(Precision precision) {
        for (int[] shape : SHAPES) {
            MemorySegment in = randoms(shape[0] * shape[2]);
            Matrix gate = weights(shape[1], shape[2]).getFirst();
            Matrix up = weights(shape[1], shape[2]).getFirst();
            assertSameBits(
                    precision, shape[0] * shape[1], (kernels, out) -> kernels.swiGlu(in, shape[0], gate, up, out));
        }
    }

    /// Layers in different formats, which differ in their arithmetic, read the same rows.
    @ParameterizedTest
    @MethodSource("lower")
    void layersOfDifferentFormatsAtOnce(Precision precision) {
        MemorySegment in = randoms(40 * 70);
        List<Matrix> weights = weights(64, 70);
        long bytes = 40L * 64 * Float.BYTES;
        assertSameBits(precision, 2 * 40 * 64, (kernels, out) -> {
            Projection one = new Projection(weights.getFirst(), out.asSlice(0, bytes));
            Projection other = new Projection(weights.getLast(), out.asSlice(bytes));
            kernels.linear(in, 40, List.of(one, other));
        });
    }

    @ParameterizedTest
    @MethodSource("lower")
    void experts(Precision precision) {
        int hidden = 70;
        int intermediate = 48;
        MemorySegment in = randoms(40 * hidden);
        List<ExpertRows> experts = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            int[] rows = IntStream.range(i, 30 - 7 * i).toArray();
            float[] shares = new float[rows.length];
            for (int row = 0; row < rows.length; row++) {
                shares[row] = random.nextFloat();
            }
            experts.add(new ExpertRows(
                    weights(intermediate, hidden).getFirst(),
                    weights(intermediate, hidden).getFirst(),
                    weights(hidden, intermediate).getFirst(),
                    rows,
                    shares));
        }
        MemorySegment sum = randoms(40 * hidden);
        assertSameBits(precision, 40 * hidden, (kernels, out) -> {
            out.copyFrom(sum);
            kernels.addExperts(in, experts, arena.allocate(JAVA_FLOAT, 100L * intermediate), out);
        });
    }

    @ParameterizedTest
    @MethodSource("lower")
    void logProbabilities(Precision precision) {
        int[] targets = IntStream.range(0, 40).map(i -> i * 7919 % 1003).toArray();
        MemorySegment in = randoms(targets.length * 40);
        for (Matrix head : weights(1003, 40)) {
            List<double[]> results = new ArrayList<>();
            for (Kernels kernels : kernels(precision)) {
                double[] fused = new double[targets.length];
                kernels.logProbabilities(head, in, targets, fused, new boolean[targets.length]);
                results.add(fused);
            }
            assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.getFirst()));
        }
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void aRowHasTheSameBitsAloneAndAmongOthers(Precision precision) {
        int rows = 130;
        int inputs = 290;
        int outputs = 64;
        MemorySegment in = randoms(rows * inputs);
        for (Matrix weight : weights(outputs, inputs)) {
            for (Kernels kernels : kernels(precision)) {
                MemorySegment together = arena.allocate(JAVA_FLOAT, (long) rows * outputs);
                kernels.linear(in, rows, List.of(new Projection(weight, together)));
                MemorySegment alone = arena.allocate(JAVA_FLOAT, outputs);
                for (int row = 0; row < rows; row += 43) {
                    kernels.linear(
                            in.asSlice((long) row * inputs * Float.BYTES, (long) inputs * Float.BYTES),
                            1,
                            List.of(new Projection(weight, alone)));
                    MemorySegment among =
                            together.asSlice((long) row * outputs * Float.BYTES, (long) outputs * Float.BYTES);
                    assertThat(alone.mismatch(among)).as(kernels.description()).isEqualTo(-1);
                }
            }
        }
    }

    /// How far each precision is from float32: the greatest error of 64 outputs of 4 rows, as a share of their root
    /// mean square.
    @ParameterizedTest
    @EnumSource(Precision.class)
    void precisionsAreAsExactAsTheirNames(Precision precision) {
        int inputs = 1024;
        MemorySegment in = randoms(4 * inputs);
        Matrix weight = weights(64, inputs).get(precision == Precision.INT8 ? 2 : 0);
        double[] exact = new double[4 * 64];
        double square = 0;
        for (int i = 0; i < exact.length; i++) {
            long panel = weight.panelAddress(i % 64 / Matrix.PANEL);
            for (int k = 0; k < inputs; k++) {
                float x = in.getAtIndex(JAVA_FLOAT, i / 64 * (long) inputs + k);
                exact[i] += (double) x * weight.format().ofPanel(panel, inputs, k, i % Matrix.PANEL);
            }
            square += exact[i] * exact[i] / exact.length;
        }
        MemorySegment out = arena.allocate(JAVA_FLOAT, exact.length);
        kernels(precision).getFirst().linear(in, 4, List.of(new Projection(weight, out)));
        double worst = 0;
        for (int i = 0; i < exact.length; i++) {
            worst = Math.max(worst, Math.abs(exact[i] - out.getAtIndex(JAVA_FLOAT, i)) / Math.sqrt(square));
        }
        switch (precision) {
            case FLOAT32 -> assertThat(worst).isBetween(1e-8, 5e-6);
            case FLOAT32X2 -> assertThat(worst).isBetween(1e-7, 2e-5);
            case BFLOAT16, BFLOAT16_AMX -> assertThat(worst).isBetween(1e-3, 1e-2);
            case INT8 -> assertThat(worst).isBetween(1e-3, 4e-2);
        }
    }

    private List<Kernels> kernels(Precision precision) {
        return Objects.requireNonNull(all.get(precision));
    }

    private interface Run {
        void into(Kernels kernels, MemorySegment out);
    }

    private void assertSameBits(Precision precision, int floats, Run run) {
        MemorySegment expected = null;
        for (Kernels kernels : kernels(precision)) {
            MemorySegment out = arena.allocate(JAVA_FLOAT, floats);
            run.into(kernels, out);
            if (expected == null) {
                expected = out;
            }
            long at = out.mismatch(expected);
            assertThat(at)
                    .as("%s: %d floats, the first that differs is at byte %d", kernels.description(), floats, at)
                    .isEqualTo(-1);
        }
    }

    private MemorySegment randoms(int count) {
        MemorySegment floats = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            floats.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return floats;
    }

    /// A weight in each format, and one with the least integers, which rounded weights do not have.
    private List<Matrix> weights(int outputs, int inputs) {
        MemorySegment halves = arena.allocate(JAVA_SHORT, (long) outputs * inputs);
        for (int i = 0; i < outputs * inputs; i++) {
            halves.setAtIndex(JAVA_SHORT, i, Bfloat16.rounded((float) random.nextGaussian()));
        }
        WeightRows floats = (output, row) -> {
            Random numbers = new Random(output);
            for (int i = 0; i < inputs; i++) {
                row[i] = (float) numbers.nextGaussian();
            }
        };
        return List.of(
                Matrices.bf16(halves, outputs, inputs, arena),
                Matrices.f32(floats, outputs, inputs, arena),
                Matrices.packed(KnownFormat.INT8, floats, outputs, inputs, arena),
                Matrices.packed(KnownFormat.INT4, floats, outputs, inputs, arena),
                Matrices.packed(KnownFormat.INT8, new KeptRows(IntegerLayout.INT8), outputs, inputs, arena));
    }
}
