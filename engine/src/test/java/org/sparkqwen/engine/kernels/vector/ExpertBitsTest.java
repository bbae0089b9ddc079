package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Matrices;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.format.Matrix;

/// The experts' contribution to a row has the same bits on every back-end, on any number of threads, and with any other
/// rows in the batch.
class ExpertBitsTest {
    private final Random random = new Random(11);
    private final Arena arena = Arena.ofShared();
    private final List<Kernels> all = BackEnds.create(1, 2, 5);

    @AfterEach
    void close() {
        all.forEach(Kernels::close);
        arena.close();
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 1", // rows, experts, of a row, hidden, intermediate
        "1, 8, 3, 40, 33",
        "2, 8, 2, 64, 48",
        "7, 5, 5, 100, 70",
        "40, 6, 2, 96, 48",
        "300, 3, 2, 70, 40", // an expert has more rows than meet a panel together
        "300, 2, 1, 1100, 33",
        "250, 2, 2, 600, 500", // many rows in groups of several panels
        "600, 2, 2, 64, 40"
    })
    void theKernelsAgree(int rows, int experts, int perRow, int hidden, int intermediate) {
        for (boolean bf16 : new boolean[] {true, false}) {
            MemorySegment in = randoms(rows * hidden);
            MemorySegment residual = randoms(rows * hidden);
            List<ExpertRows> mixture = mixture(rows, experts, perRow, hidden, intermediate, bf16);
            MemorySegment expected = added(all.getFirst(), in, mixture, residual);
            assertThat(expected.mismatch(residual)).isNotEqualTo(-1);
            for (Kernels kernels : all) {
                assertThat(added(kernels, in, mixture, residual).mismatch(expected))
                        .as(kernels.description())
                        .isEqualTo(-1);
            }
        }
    }

    /// The rows are computed one after the other, and so are the experts.
    @Test
    void aRowHasTheSameBitsAloneAndAmongOthers() {
        int rows = 60;
        int hidden = 48;
        MemorySegment in = randoms(rows * hidden);
        MemorySegment residual = randoms(rows * hidden);
        List<ExpertRows> mixture = mixture(rows, 7, 3, hidden, 40, true);
        for (Kernels kernels : all) {
            MemorySegment together = added(kernels, in, mixture, residual);
            MemorySegment single =
                    arena.allocate(JAVA_FLOAT, (long) rows * hidden).copyFrom(residual);
            for (ExpertRows expert : mixture) {
                for (int i = 0; i < expert.rows().length; i++) {
                    ExpertRows alone = new ExpertRows(
                            expert.gate(), expert.up(), expert.down(), new int[] {expert.rows()[i]}, new float[] {
                                expert.shares()[i]
                            });
                    kernels.addExperts(in, List.of(alone), arena.allocate(JAVA_FLOAT, 40), single);
                }
            }
            assertThat(single.mismatch(together)).as(kernels.description()).isEqualTo(-1);
        }
    }

    /// The result is compared with the dense operations, whose bits have tests of their own.
    @Test
    void anExpertIsADenseLayerTimesItsShare() {
        int hidden = 40;
        int intermediate = 33;
        MemorySegment in = randoms(hidden);
        MemorySegment residual = randoms(hidden);
        List<ExpertRows> mixture = mixture(1, 2, 2, hidden, intermediate, false);
        Kernels kernels = all.getFirst();
        float[] expected = residual.toArray(JAVA_FLOAT);
        for (ExpertRows expert : mixture) {
            MemorySegment gated = arena.allocate(JAVA_FLOAT, intermediate);
            MemorySegment product = arena.allocate(JAVA_FLOAT, hidden);
            kernels.swiGlu(in, 1, expert.gate(), expert.up(), gated);
            kernels.linear(gated, 1, List.of(new Projection(expert.down(), product)));
            for (int i = 0; i < hidden; i++) {
                expected[i] += product.getAtIndex(JAVA_FLOAT, i) * expert.shares()[0];
            }
        }
        assertThat(added(kernels, in, mixture, residual).toArray(JAVA_FLOAT)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 15, 16, 17, 128, 200})
    void routesAreTheGreatestProbabilities(int experts) {
        int tokens = 30;
        int perToken = Math.min(experts, 6);
        MemorySegment logits = randoms(tokens * experts);
        for (Kernels kernels : all) {
            Routes routes = kernels.route(logits, tokens, experts, perToken, false);
            Routes normalised = kernels.route(logits, tokens, experts, perToken, true);
            assertThat(routes.shares())
                    .isEqualTo(all.getFirst()
                            .route(logits, tokens, experts, perToken, false)
                            .shares());
            assertThat(normalised.experts()).isEqualTo(routes.experts());
            for (int token = 0; token < tokens; token++) {
                double[] expected = softmax(logits, token * experts, experts);
                List<Integer> sorted = IntStream.range(0, experts)
                        .boxed()
                        .sorted((a, b) -> Double.compare(expected[b], expected[a]))
                        .toList();
                double sum = 0;
                double normalisedSum = 0;
                for (int i = 0; i < perToken; i++) {
                    int expert = sorted.get(i);
                    assertThat(routes.experts()[token * perToken + i]).isEqualTo(expert);
                    assertThat((double) routes.shares()[token * perToken + i])
                            .isCloseTo(expected[expert], within(1e-6));
                    sum += routes.shares()[token * perToken + i];
                    normalisedSum += normalised.shares()[token * perToken + i];
                }
                assertThat(sum).isLessThan(1 + 1e-6);
                assertThat(normalisedSum).isCloseTo(1, within(1e-6));
            }
        }
    }

    @Test
    void theFirstOfEquallyLikelyExpertsAreChosen() {
        MemorySegment logits = arena.allocateFrom(JAVA_FLOAT, 1, 2, 2, 1, 2, 1);
        for (Kernels kernels : all) {
            assertThat(kernels.route(logits, 1, 6, 4, true).experts()).containsExactly(1, 2, 4, 0);
        }
    }

    /// An overflow must show, and must not end anything.
    @Test
    void logitsThatAreNaNGiveSharesThatAreNaN() {
        for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            MemorySegment logits = arena.allocateFrom(JAVA_FLOAT, 1, odd, 2, 1);
            for (Kernels kernels : all) {
                Routes routes = kernels.route(logits, 1, 4, 3, true);
                assertThat(routes.experts()).doesNotHaveDuplicates();
                assertThat(routes.shares()).containsOnly(Float.NaN);
            }
        }
    }

    private MemorySegment added(Kernels kernels, MemorySegment in, List<ExpertRows> mixture, MemorySegment residual) {
        MemorySegment sum = arena.allocate(residual.byteSize(), Float.BYTES).copyFrom(residual);
        int intermediate = mixture.getFirst().gate().outputs();
        kernels.addExperts(
                in, mixture, arena.allocate(JAVA_FLOAT, (long) ExpertRows.count(mixture) * intermediate), sum);
        return sum;
    }

    /// Returns rows that go to random experts. The rows of an expert are in a random order.
    private List<ExpertRows> mixture(int rows, int experts, int perRow, int hidden, int intermediate, boolean bf16) {
        List<List<Integer>> rowsOf = new ArrayList<>();
        for (int expert = 0; expert < experts; expert++) {
            rowsOf.add(new ArrayList<>());
        }
        for (int row = 0; row < rows; row++) {
            int first = random.nextInt(experts);
            for (int i = 0; i < perRow; i++) {
                rowsOf.get((first + i) % experts).add(row);
            }
        }
        List<ExpertRows> mixture = new ArrayList<>();
        for (List<Integer> expertRows : rowsOf) {
            if (!expertRows.isEmpty()) {
                Collections.shuffle(expertRows, random);
                float[] shares = new float[expertRows.size()];
                for (int i = 0; i < shares.length; i++) {
                    shares[i] = random.nextFloat();
                }
                mixture.add(new ExpertRows(
                        matrix(intermediate, hidden, bf16),
                        matrix(intermediate, hidden, bf16),
                        matrix(hidden, intermediate, bf16),
                        expertRows.stream().mapToInt(Integer::intValue).toArray(),
                        shares));
            }
        }
        return mixture;
    }

    private static double[] softmax(MemorySegment logits, int from, int count) {
        double[] exponentials = IntStream.range(from, from + count)
                .mapToDouble(i -> Math.exp(logits.getAtIndex(JAVA_FLOAT, i)))
                .toArray();
        double sum = Arrays.stream(exponentials).sum();
        return Arrays.stream(exponentials).map(x -> x / sum).toArray();
    }

    private MemorySegment randoms(int count) {
        MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return segment;
    }

    private Matrix matrix(int outputs, int inputs, boolean bf16) {
        if (bf16) {
            MemorySegment rows = arena.allocate(JAVA_SHORT, (long) outputs * inputs);
            for (int i = 0; i < outputs * inputs; i++) {
                rows.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16));
            }
            return Matrices.bf16(rows, outputs, inputs, arena);
        }
        return Matrices.f32(
                (output, row) -> {
                    for (int i = 0; i < row.length; i++) {
                        row[i] = (float) random.nextGaussian();
                    }
                },
                outputs,
                inputs,
                arena);
    }
}
