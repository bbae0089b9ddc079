package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Matrices;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;
import org.sparkqwen.engine.testing.ScaledBytes;

/// What every format of weights must satisfy: each constant of [KnownFormat], and a format that back-ends do not know.
///
/// `OperandsTest` reads panels of all formats that end where memory ends, `WeightFormatModelTest` runs a model in each,
/// and `PackedFileTest` writes and reads files of each.
class WeightFormatTest {
    /// The greatest error of a packed weight, as a share of its row's greatest weight.
    private static float error(WeightFormat format) {
        return format == KnownFormat.INT4 ? 0.25f : 0.01f;
    }

    private final Arena arena = Arena.ofShared();
    private final Random random = new Random(3);

    static Stream<WeightFormat> formats() {
        return Stream.concat(Arrays.stream(KnownFormat.values()), Stream.of(new ScaledBytes()));
    }

    @AfterEach
    void freeMemory() {
        arena.close();
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aPackedWeightHasNearlyItsValueInPanelsAndInRows(WeightFormat format) {
        for (int inputs : new int[] {1, 7, 300}) {
            int outputs = 70;
            float[][] weights = weights(outputs, inputs);
            Matrix matrix = Matrices.packed(format, rows(weights), outputs, inputs, arena);
            RowTable table = table(format, weights);
            for (int output = 0; output < outputs; output++) {
                long panel = matrix.panelAddress(output / Matrix.PANEL);
                long row = table.rows().address() + output * format.rowBytes(inputs);
                float error = error(format) * greatest(weights[output]);
                for (int input = 0; input < inputs; input++) {
                    float packed = format.ofPanel(panel, inputs, input, output % Matrix.PANEL);
                    assertThat(packed).isCloseTo(weights[output][input], within(error));
                    assertThat(format.ofRow(row, inputs, input)).isEqualTo(packed);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aPanelIsZeroPastTheLastOutputWhateverItsMemoryHeld(WeightFormat format) {
        MemorySegment panel = arena.allocate(format.panelBytes(41), 64).fill((byte) 0x41);
        format.packPanel(rows(weights(33, 41)), 33, 41, 1, panel);
        for (int input = 0; input < 41; input++) {
            assertThat(format.ofPanel(panel.address(), 41, input, 0)).isNotZero();
            for (int column = 1; column < Matrix.PANEL; column++) {
                assertThat(format.ofPanel(panel.address(), 41, input, column)).isZero();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aWeightIsNoLongerThanItsMemory(WeightFormat format) {
        long panels = 2 * format.panelBytes(40);
        Matrix matrix = new Matrix(format, 33, 40, arena.allocate(panels));
        assertThat(matrix.bytes()).isEqualTo(panels);
        assertThat(matrix.panelAddress(1) + format.panelBytes(40))
                .isEqualTo(matrix.panels().address() + panels);
        assertThatThrownBy(() -> matrix.panelAddress(2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new Matrix(format, 33, 40, arena.allocate(panels - 1)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new RowTable(format, 33, 40, arena.allocate(33 * format.rowBytes(40) - 1)))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    /// The scalar kernels on one thread compute `Σ in · weight` from the numbers that the format tells.
    @ParameterizedTest
    @MethodSource("formats")
    void theScalarKernelsMultiplyTheFormatsNumbers(WeightFormat format) {
        int inputs = 41;
        Matrix weight = Matrices.packed(format, rows(weights(33, inputs)), 33, inputs, arena);
        MemorySegment in = randoms(inputs);
        MemorySegment out = arena.allocate(JAVA_FLOAT, 33);
        try (Kernels kernels = new ScalarProvider().create(1)) {
            kernels.linear(in, 1, List.of(new Projection(weight, out)));
        }
        for (int output = 0; output < 33; output++) {
            float sum = 0;
            for (int input = 0; input < inputs; input++) {
                long panel = weight.panelAddress(output / Matrix.PANEL);
                float number = format.ofPanel(panel, inputs, input, output % Matrix.PANEL);
                sum = Math.fma(in.getAtIndex(JAVA_FLOAT, input), number, sum);
            }
            assertThat(out.getAtIndex(JAVA_FLOAT, output)).isEqualTo(sum);
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void allKernelsGiveTheSameBits(WeightFormat format) {
        for (int tokens : new int[] {1, 2, 3, 8, 24, 95, 96, 300}) {
            int hidden = tokens == 8 ? 1025 : 300; // in pieces
            int wide = 200;
            MemorySegment in = randoms(tokens * hidden);
            Matrix gate = Matrices.packed(format, rows(weights(wide, hidden)), wide, hidden, arena);
            Matrix up = Matrices.packed(format, rows(weights(wide, hidden)), wide, hidden, arena);
            Matrix down = Matrices.packed(format, rows(weights(hidden, wide)), hidden, wide, arena);
            int[] rows = IntStream.range(0, tokens).toArray();
            float[] shares = new float[tokens];
            Arrays.fill(shares, 0.5f);
            assertSameBits(kernels -> {
                MemorySegment both = arena.allocate(JAVA_FLOAT, 2L * tokens * wide);
                MemorySegment gated = arena.allocate(JAVA_FLOAT, (long) tokens * wide);
                MemorySegment between = arena.allocate(JAVA_FLOAT, (long) tokens * wide);
                MemorySegment sum = arena.allocate(JAVA_FLOAT, (long) tokens * hidden);
                MemorySegment scores = arena.allocate(JAVA_FLOAT, 2L * tokens);
                MemorySegment first = both.asSlice(0, gated.byteSize());
                MemorySegment second = both.asSlice(gated.byteSize());
                kernels.linear(in, tokens, List.of(new Projection(gate, first), new Projection(up, second)));
                kernels.swiGlu(in, tokens, gate, up, gated);
                kernels.addLinear(gated, tokens, down, sum);
                kernels.addExperts(in, List.of(new ExpertRows(gate, up, down, rows, shares)), between, sum);
                double[] out = new double[tokens];
                int[] targets = IntStream.of(rows).map(row -> row % wide).toArray();
                kernels.logProbabilities(up, in, targets, out, new boolean[tokens]);
                MemorySegment.copy(out, 0, scores, JAVA_DOUBLE_UNALIGNED, 0, tokens);
                return List.of(both, gated, sum, scores);
            });
        }
    }

    @ParameterizedTest
    @MethodSource("formats")
    void theVectorOfATokenIsItsRowInPanelsAndInRows(WeightFormat format) {
        float[][] weights = weights(70, 41);
        int[] tokens = {69, 0, 31, 32, 69};
        for (EmbeddingTable table :
                List.of(Matrices.packed(format, rows(weights), 70, 41, arena), table(format, weights))) {
            assertSameBits(kernels -> {
                MemorySegment out = randoms(tokens.length * 41);
                kernels.embed(table, tokens, out);
                for (int i = 0; i < tokens.length; i++) {
                    for (int input = 0; input < 41; input++) {
                        assertThat(out.getAtIndex(JAVA_FLOAT, (long) i * 41 + input))
                                .isCloseTo(
                                        weights[tokens[i]][input],
                                        within(error(format) * greatest(weights[tokens[i]])));
                    }
                }
                return List.of(out);
            });
        }
    }

    private interface Run {
        List<MemorySegment> with(Kernels kernels);
    }

    private static void assertSameBits(Run run) {
        List<List<MemorySegment>> results = new ArrayList<>();
        for (KernelProvider provider : BackEnds.allProviders()) {
            for (int threads = 1; threads <= 2; threads++) {
                try (Kernels kernels = provider.create(threads)) {
                    results.add(run.with(kernels));
                }
            }
        }
        for (List<MemorySegment> result : results) {
            for (int i = 0; i < result.size(); i++) {
                assertThat(result.get(i).mismatch(results.getFirst().get(i))).isEqualTo(-1);
            }
        }
    }

    private RowTable table(WeightFormat format, float[][] weights) {
        int inputs = weights[0].length;
        long bytes = format.rowBytes(inputs);
        MemorySegment rows = arena.allocate(weights.length * bytes);
        for (int output = 0; output < weights.length; output++) {
            format.packRow(rows(weights), output, inputs, rows.asSlice(output * bytes, bytes));
        }
        return new RowTable(format, weights.length, inputs, rows);
    }

    private static WeightRows rows(float[][] weights) {
        return (output, row) -> System.arraycopy(weights[output], 0, row, 0, row.length);
    }

    private float[][] weights(int outputs, int inputs) {
        float[][] weights = new float[outputs][inputs];
        for (float[] row : weights) {
            for (int i = 0; i < inputs; i++) {
                row[i] = (random.nextBoolean() ? 1 : -1) * (0.1f + random.nextFloat());
            }
        }
        return weights;
    }

    private static float greatest(float[] row) {
        float greatest = 0;
        for (float number : row) {
            greatest = Math.max(greatest, Math.abs(number));
        }
        return greatest;
    }

    private MemorySegment randoms(int count) {
        MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return segment;
    }
}
