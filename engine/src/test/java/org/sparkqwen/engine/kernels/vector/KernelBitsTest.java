package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.data.Percentage.withPercentage;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Matrices;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightRows;

/// Every operation gives the same bits on every back-end, on one thread and on two.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class KernelBitsTest {
    private final Random random = new Random(7);
    private List<Kernels> all = List.of();
    private Arena arena = Arena.ofShared();

    @BeforeAll
    void createKernels() {
        all = BackEnds.create(1, 2);
    }

    @AfterAll
    void closeKernels() {
        all.forEach(Kernels::close);
        arena.close();
    }

    @AfterEach
    void freeMemory() {
        arena.close();
        arena = Arena.ofShared();
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "1, 32, 64",
        "3, 33, 40",
        "4, 31, 7",
        "11, 64, 72",
        "12, 96, 96",
        "13, 100, 136",
        "29, 160, 257",
        "130, 65, 33",
        "8, 70, 1100", // tiles that read ahead, and inputs in pieces
        "24, 40, 1025",
        "36, 33, 40",
        "64, 200, 64",
        "95, 33, 300", // the most that are few, and the fewest that are many
        "96, 33, 300",
        "108, 600, 257", // groups of several panels, pieces of unequal lengths
        "520, 70, 513" // more than meet a panel together
    })
    void linear(int tokens, int outputs, int inputs) {
        MemorySegment in = randoms(tokens * inputs);
        for (Matrix weight : List.of(f32(outputs, inputs), bf16(outputs, inputs))) {
            assertSameBits(
                    tokens * outputs,
                    (kernels, out) -> kernels.linear(in, tokens, List.of(new Projection(weight, out))));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 40, 1024})
    void gatherRows(int width) {
        int[] rows = {4, 4, 0, 3};
        MemorySegment in = randoms(5 * width);
        assertSameBits(rows.length * width, (kernels, out) -> {
            kernels.gatherRows(in, width, rows, out);
            for (int i = 0; i < rows.length * width; i++) {
                assertThat(out.getAtIndex(JAVA_FLOAT, i))
                        .isEqualTo(in.getAtIndex(JAVA_FLOAT, (long) rows[i / width] * width + i % width));
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "1, 200, 40", "3, 33, 40", "13, 100, 136", "270, 70, 65"})
    void linearWithABias(int tokens, int outputs, int inputs) {
        MemorySegment in = randoms(tokens * inputs);
        MemorySegment bias = randoms(outputs);
        for (Matrix weight : List.of(f32(outputs, inputs), bf16(outputs, inputs))) {
            MemorySegment product = arena.allocate(JAVA_FLOAT, (long) tokens * outputs);
            all.getFirst().linear(in, tokens, List.of(new Projection(weight, product)));
            assertSameBits(tokens * outputs, (kernels, out) -> {
                kernels.linear(in, tokens, List.of(new Projection(weight, bias, out)));
                for (int i = 0; i < tokens * outputs; i++) { // added to the finished product
                    assertThat(out.getAtIndex(JAVA_FLOAT, i))
                            .isEqualTo(product.getAtIndex(JAVA_FLOAT, i) + bias.getAtIndex(JAVA_FLOAT, i % outputs));
                }
            });
        }
    }

    /// Layers of both formats read the same input. The next panel may have rows of another length.
    @Test
    void layersOfDifferentFormatsAtOnce() {
        int tokens = 8;
        MemorySegment in = randoms(tokens * 40);
        Matrix first = f32(64, 40);
        Matrix second = bf16(33, 40);
        int split = tokens * 64;
        assertSameBits(split + tokens * 33, (kernels, out) -> {
            Projection one = new Projection(first, out.asSlice(0, (long) split * Float.BYTES));
            Projection other = new Projection(second, out.asSlice((long) split * Float.BYTES));
            kernels.linear(in, tokens, List.of(one, other));
        });
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1", "3, 33, 40", "13, 100, 136", "29, 160, 257", "270, 70, 1100"})
    void linearOntoASum(int tokens, int outputs, int inputs) {
        MemorySegment in = randoms(tokens * inputs);
        MemorySegment sum = randoms(tokens * outputs);
        for (Matrix weight : List.of(f32(outputs, inputs), bf16(outputs, inputs))) {
            assertSameBits(tokens * outputs, (kernels, out) -> {
                out.copyFrom(sum);
                kernels.addLinear(in, tokens, weight, out);
            });
        }
    }

    /// A linear layer's output is added. Its sum starts at 0, and not at the value that is there already.
    @Test
    void addingComesAfterTheProduct() {
        MemorySegment in = randoms(5 * 40);
        MemorySegment sum = randoms(5 * 33);
        Matrix weight = bf16(33, 40);
        MemorySegment product = arena.allocate(JAVA_FLOAT, 5 * 33);
        MemorySegment added = arena.allocate(JAVA_FLOAT, 5 * 33);
        added.copyFrom(sum);
        Kernels scalar = all.getFirst();
        scalar.linear(in, 5, List.of(new Projection(weight, product)));
        scalar.addLinear(in, 5, weight, added);
        for (int i = 0; i < 5 * 33; i++) {
            assertThat(added.getAtIndex(JAVA_FLOAT, i))
                    .isEqualTo(sum.getAtIndex(JAVA_FLOAT, i) + product.getAtIndex(JAVA_FLOAT, i));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 15, 16, 17, 40, 64, 100, 1024, 1025}) // around multiples of the lanes
    void rmsNorm(int width) {
        int rows = 5;
        MemorySegment in = randoms(rows * width);
        MemorySegment weight = randoms(width);
        assertSameBits(rows * width, (kernels, out) -> kernels.rmsNorm(in, weight, out, rows, width, 1e-6f));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 30, 32, 40, 64, 128})
    void normAndRotate(int headDim) {
        int[] positions = {0, 1, 5, 31, 32};
        MemorySegment weight = randoms(headDim);
        MemorySegment cosines = randoms(33 * headDim / 2);
        MemorySegment sines = randoms(33 * headDim / 2);
        MemorySegment x = randoms(positions.length * 3 * headDim);
        assertSameBits(positions.length * 3 * headDim, (kernels, out) -> {
            out.copyFrom(x);
            kernels.normAndRotate(out, weight, 1e-6f, 3, headDim, positions, cosines, sines);
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 30, 32, 40, 64, 128})
    void rotate(int headDim) {
        int[] positions = {0, 1, 5, 31, 32};
        MemorySegment cosines = randoms(33 * headDim / 2);
        MemorySegment sines = randoms(33 * headDim / 2);
        MemorySegment x = randoms(positions.length * 3 * headDim);
        assertSameBits(positions.length * 3 * headDim, (kernels, out) -> {
            out.copyFrom(x);
            kernels.rotate(out, 3, headDim, positions, cosines, sines);
        });
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "3, 33, 40",
        "13, 100, 136",
        "29, 160, 257",
        "270, 70, 1100",
        "100, 600, 300", // groups of several panels, the last of which has fewer
        "520, 70, 65"
    })
    void swiGlu(int tokens, int outputs, int inputs) {
        MemorySegment in = randoms(tokens * inputs);
        for (List<Matrix> weights : List.of(
                List.of(f32(outputs, inputs), f32(outputs, inputs)),
                List.of(bf16(outputs, inputs), bf16(outputs, inputs)))) {
            assertSameBits(
                    tokens * outputs,
                    (kernels, out) -> kernels.swiGlu(in, tokens, weights.getFirst(), weights.getLast(), out));
        }
    }

    @ParameterizedTest
    @CsvSource({"4, 4, 64", "6, 2, 32", "4, 1, 40", "8, 1, 16", "16, 1, 32", "32, 8, 128", "5, 1, 24"})
    void attentionOfFreshAndContinuedSequences(int heads, int keyValueHeads, int headDim) {
        AttentionShape shape = new AttentionShape(heads, keyValueHeads, headDim);
        // The rows are a sequence of 70 tokens from its start, one token at position 32, nine tokens from
        // position 60, and two tokens on both sides of a block's end.
        int tokens = 82;
        MemorySegment queries = randoms(tokens * shape.queryWidth());
        for (KeyValueFormat format : KeyValueFormat.values()) {
            List<AttentionSpan> spans = List.of(
                    span(shape, format, 0, 70, 0),
                    span(shape, format, 70, 1, 32),
                    span(shape, format, 71, 9, 60),
                    span(shape, format, 80, 2, 63));
            assertSameBits(
                    tokens * shape.queryWidth(),
                    (kernels, out) -> kernels.attention(shape, spans, queries, out, (float) (1 / Math.sqrt(headDim))));
        }
    }

    /// The last token of a text gets the same bits when it comes alone, in few rows, and together with all
    /// tokens before it.
    @ParameterizedTest
    @CsvSource({"4, 4, 64", "6, 2, 32", "16, 8, 128", "16, 1, 32"})
    void attentionOfATokenAloneAndAmongOthers(int heads, int keyValueHeads, int headDim) {
        AttentionShape shape = new AttentionShape(heads, keyValueHeads, headDim);
        int tokens = 75;
        MemorySegment queries = randoms(tokens * shape.queryWidth());
        int last = (tokens - 1) * shape.queryWidth();
        for (KeyValueFormat format : KeyValueFormat.values()) {
            AttentionSpan whole = span(shape, format, 0, tokens, 0);
            AttentionSpan alone = new AttentionSpan(0, 1, tokens - 1, format, whole.blocks());
            for (Kernels kernels : all) {
                MemorySegment together = arena.allocate(JAVA_FLOAT, (long) tokens * shape.queryWidth());
                kernels.attention(shape, List.of(whole), queries, together, 0.1f);
                MemorySegment single = arena.allocate(JAVA_FLOAT, shape.queryWidth());
                kernels.attention(shape, List.of(alone), queries.asSlice(last * 4L), single, 0.1f);
                assertThat(single.mismatch(together.asSlice(last * 4L))).isEqualTo(-1);
            }
        }
    }

    /// Products that underflow leave a zero, whose sign does not depend on the values of hidden keys.
    @Test
    void zerosBesideHiddenKeys() {
        AttentionShape shape = new AttentionShape(2, 1, 32);
        int tokens = 40;
        MemorySegment queries = randoms(tokens * shape.queryWidth());
        AttentionSpan span = span(shape, KeyValueFormat.F32, 0, tokens, 0);
        for (MemorySegment block : span.blocks()) {
            long values = KeyValueBlock.valueOffset(shape, KeyValueFormat.F32, 0);
            for (long at = values; at < block.byteSize(); at += Float.BYTES) {
                block.set(JAVA_FLOAT, at, (at - values) / 128 < 20 ? -Float.MIN_VALUE : at / 4 % 2);
            }
        }
        assertSameBits(
                tokens * shape.queryWidth(),
                (kernels, out) -> kernels.attention(shape, List.of(span), queries, out, 0.1f));
    }

    /// Parts of blocks, whole blocks, and numbers that are hard to round.
    @ParameterizedTest
    @CsvSource({"2, 128", "1, 64", "3, 40", "2, 24", "1, 16", "1, 5"})
    void storedKeysAndValues(int keyValueHeads, int headDim) {
        AttentionShape shape = new AttentionShape(keyValueHeads, keyValueHeads, headDim);
        int tokens = 138;
        MemorySegment keys = hardToRound(tokens * shape.keyValueWidth());
        MemorySegment values = hardToRound(tokens * shape.keyValueWidth());
        for (KeyValueFormat format : KeyValueFormat.values()) {
            List<List<MemorySegment>> results = new ArrayList<>();
            for (Kernels kernels : all) {
                List<AttentionSpan> spans = List.of(
                        empty(shape, format, 0, 70, 0),
                        empty(shape, format, 70, 1, 37),
                        empty(shape, format, 71, 64, 21),
                        empty(shape, format, 135, 3, 95));
                kernels.storeKeyValues(shape, spans, keys, values);
                results.add(
                        spans.stream().flatMap(span -> span.blocks().stream()).toList());
            }
            for (List<MemorySegment> blocks : results) {
                for (int i = 0; i < blocks.size(); i++) {
                    assertThat(blocks.get(i).mismatch(results.getFirst().get(i)))
                            .as("block %d in %s", i, format)
                            .isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void keysAndValuesAreStoredRoundedToNearestEven() {
        assertThat(Bfloat16.rounded(1f)).isEqualTo((short) 0x3f80);
        assertThat(Bfloat16.rounded(Float.intBitsToFloat(0x3f808000))).isEqualTo((short) 0x3f80); // a tie, down
        assertThat(Bfloat16.rounded(Float.intBitsToFloat(0x3f818000))).isEqualTo((short) 0x3f82); // a tie, up
        assertThat(Bfloat16.rounded(Float.intBitsToFloat(0x3f808001))).isEqualTo((short) 0x3f81);
        assertThat(Bfloat16.rounded(-0f)).isEqualTo((short) 0x8000);
        assertThat(Bfloat16.rounded(Float.MAX_VALUE)).isEqualTo((short) 0x7f80); // infinite
        assertThat(Bfloat16.rounded(Float.intBitsToFloat(0x7f800001))).isEqualTo((short) 0x7fc0); // still NaN
    }

    @ParameterizedTest
    @CsvSource({"1, 30", "31, 30", "512, 30", "513, 30", "1003, 30", "2048, 30", "100, 1", "1100, 520"})
    void logProbabilitiesAndLogSumExp(int vocabulary, int tokens) {
        int hidden = 40;
        int[] targets =
                IntStream.range(0, tokens).map(i -> i * 7919 % vocabulary).toArray();
        MemorySegment in = randoms(targets.length * hidden);
        Matrix head = bf16(vocabulary, hidden);
        List<double[]> results = new ArrayList<>();
        for (Kernels kernels : all) {
            double[] fused = new double[targets.length];
            kernels.logProbabilities(head, in, targets, fused, new boolean[targets.length]);
            MemorySegment logits = arena.allocate(JAVA_FLOAT, (long) targets.length * vocabulary);
            kernels.logits(head, in, logits, targets.length);
            double[] sums = new double[targets.length];
            kernels.logSumExp(logits, vocabulary, sums);
            for (int row = 0; row < targets.length; row++) {
                MemorySegment rowLogits = logits.asSlice((long) row * vocabulary * Float.BYTES);
                assertThat(fused[row]).isEqualTo(rowLogits.getAtIndex(JAVA_FLOAT, targets[row]) - sums[row]);
            }
            results.add(fused);
        }
        assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.getFirst()));
        assertThat(results.getFirst()[0]).isLessThanOrEqualTo(0).isGreaterThan(-100);
    }

    @ParameterizedTest
    @CsvSource({"1, 30", "31, 30", "512, 30", "513, 30", "1003, 30", "2048, 30", "100, 1", "1100, 520"})
    void momentsOfLogProbabilities(int vocabulary, int tokens) {
        int hidden = 40;
        int[] targets =
                IntStream.range(0, tokens).map(i -> i * 7919 % vocabulary).toArray();
        MemorySegment in = randoms(tokens * hidden);
        Matrix head = bf16(vocabulary, hidden);
        List<Moments> results = new ArrayList<>();
        for (Kernels kernels : all) {
            double[] alone = new double[tokens];
            double[] fused = new double[tokens];
            Moments moments = Moments.ofRows(tokens);
            kernels.logProbabilities(head, in, targets, alone, new boolean[tokens]);
            kernels.logProbabilities(head, in, targets, fused, new boolean[tokens], moments);
            assertThat(fused).isEqualTo(alone);
            results.add(moments);
        }
        for (Moments moments : results) {
            assertThat(moments.means()).isEqualTo(results.getFirst().means());
            assertThat(moments.deviations()).isEqualTo(results.getFirst().deviations());
        }
        MemorySegment logits = arena.allocate(JAVA_FLOAT, (long) tokens * vocabulary);
        all.getFirst().logits(head, in, logits, tokens);
        for (int row = 0; row < tokens; row++) {
            double[] expected = moments(logits.asSlice((long) row * vocabulary * Float.BYTES), vocabulary);
            assertThat(results.getFirst().means()[row]).isCloseTo(expected[0], within(1e-5));
            assertThat(results.getFirst().deviations()[row]).isCloseTo(expected[1], within(1e-5));
        }
    }

    /// The mean and the standard deviation of log p in double, each with a pass of its own.
    private static double[] moments(MemorySegment logits, int vocabulary) {
        double[] values = new double[vocabulary];
        Arrays.setAll(values, i -> logits.getAtIndex(JAVA_FLOAT, i));
        double maximum = Arrays.stream(values).max().orElseThrow();
        double logSum = maximum
                + Math.log(Arrays.stream(values).map(x -> Math.exp(x - maximum)).sum());
        double mean = Arrays.stream(values)
                .map(x -> Math.exp(x - logSum) * (x - logSum))
                .sum();
        double variance = Arrays.stream(values)
                .map(x -> Math.exp(x - logSum) * (x - logSum - mean) * (x - logSum - mean))
                .sum();
        return new double[] {mean, Math.sqrt(variance)};
    }

    /// Logits of −∞ have no probability, equal logits have no spread, and a NaN shows.
    @Test
    void momentsOfLogitsThatAreNotFinite() {
        int vocabulary = 1100;
        WeightRows outputs = (output, row) -> row[0] = output % 3 == 0 ? Float.NEGATIVE_INFINITY : -Float.MIN_NORMAL;
        Matrix head = Matrices.f32(outputs, vocabulary, 1, arena);
        MemorySegment in = arena.allocateFrom(JAVA_FLOAT, 1f, Float.NaN);
        for (Kernels kernels : all) {
            Moments moments = Moments.ofRows(2);
            kernels.logProbabilities(head, in, new int[] {1, 1}, new double[2], new boolean[2], moments);
            assertThat(moments.means()[0]).as(kernels.description()).isCloseTo(-Math.log(733), within(1e-6));
            assertThat(moments.deviations()[0]).isZero();
            assertThat(moments.means()[1]).isNaN();
            assertThat(moments.deviations()[1]).isNaN();
        }
    }

    /// Every logit is there four times: at even and odd neighbours, and again 700 positions later, in another
    /// chunk.
    @Test
    void theLikeliestTargetIsTheFirstOfTheGreatestLogits() {
        int vocabulary = 1400;
        int rows = 40;
        int hidden = 24;
        float[][] weights = new float[350][hidden];
        for (float[] row : weights) {
            for (int i = 0; i < hidden; i++) {
                row[i] = (float) random.nextGaussian();
            }
        }
        WeightRows outputs = (output, row) -> System.arraycopy(weights[output % 700 / 2], 0, row, 0, hidden);
        Matrix head = Matrices.f32(outputs, vocabulary, hidden, arena);
        MemorySegment in = randoms(rows * hidden);
        for (Kernels kernels : all) {
            MemorySegment logits = arena.allocate(JAVA_FLOAT, (long) rows * vocabulary);
            kernels.logits(head, in, logits, rows);
            int[] first = new int[rows];
            kernels.likeliest(logits, vocabulary, vocabulary, first);
            assertThat(IntStream.of(first)).allMatch(token -> token < 700 && token % 2 == 0);
            for (int distance : new int[] {0, 1, 2, 200, 700, 701}) {
                int[] targets = IntStream.of(first)
                        .map(token -> (token + distance) % vocabulary)
                        .toArray();
                boolean[] likeliest = new boolean[rows];
                kernels.logProbabilities(head, in, targets, new double[rows], likeliest);
                assertThat(likeliest)
                        .as("%s, %d further on", kernels.description(), distance)
                        .containsOnly(distance == 0);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 15, 16, 17, 100, 2047, 3000})
    void theLikeliestTokenIsTheFirstOfTheGreatestLogits(int count) {
        int width = count + 5;
        MemorySegment logits = arena.allocate(JAVA_FLOAT, 3L * width);
        int[] expected = {0, count - 1, count / 3};
        for (int row = 0; row < 3; row++) {
            for (int i = 0; i < width; i++) {
                logits.setAtIndex(JAVA_FLOAT, (long) row * width + i, i < count ? -9 + random.nextFloat() : 5f);
            }
            logits.setAtIndex(JAVA_FLOAT, (long) row * width + expected[row], -2f);
            logits.setAtIndex(JAVA_FLOAT, (long) row * width + count - 1, -2f); // an equal one after it
        }
        for (Kernels kernels : all) {
            int[] found = new int[3];
            kernels.likeliest(logits, width, count, found);
            assertThat(found).as(kernels.description()).containsExactly(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16, 17, 100})
    void theLikeliestTokenOfNaNsIsAToken(int count) {
        MemorySegment logits = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            logits.setAtIndex(JAVA_FLOAT, i, Float.NaN);
        }
        for (Kernels kernels : all) {
            int[] found = {-1};
            kernels.likeliest(logits, count, count, found);
            assertThat(found[0]).as(kernels.description()).isBetween(0, count - 1);
        }
    }

    @Test
    void zerosOfEitherSignAreEquallyLikely() {
        MemorySegment logits = arena.allocateFrom(JAVA_FLOAT, -0f, 0f);
        for (Kernels kernels : all) {
            int[] found = {-1};
            kernels.likeliest(logits, 2, 2, found);
            assertThat(found).containsExactly(0);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "15, 0.7", "16, 1.5", "513, 1e-30", "1000, 3e38", "5000, 0.01"})
    void exponentialsAndTheirSum(int count, float temperature) {
        float[] scores = new float[count];
        for (int i = 0; i < count; i++) {
            scores[i] = (float) random.nextGaussian() * 20;
        }
        scores[count / 2] = 100;
        double[] sums = new double[all.size()];
        assertSameBits(count, (kernels, out) -> {
            float[] weights = Arrays.copyOf(scores, count + 3);
            sums[all.indexOf(kernels)] = kernels.exponentials(weights, count, 100, temperature);
            MemorySegment.copy(weights, 0, out, JAVA_FLOAT, 0, count);
            assertThat(weights[count / 2]).isEqualTo(1);
            assertThat(Arrays.copyOfRange(weights, count, count + 3)).containsOnly(0f);
        });
        assertThat(sums).containsOnly(sums[0]);
        double expected = 0;
        for (float score : scores) {
            expected += Math.exp((score - 100) / (double) temperature);
        }
        assertThat(sums[0]).isCloseTo(expected, withPercentage(1e-4));
    }

    private interface Run {
        void into(Kernels kernels, MemorySegment out);
    }

    /// Runs an operation on all kernels, and compares what they wrote with what the first one wrote, which is
    /// scalar on one thread.
    private void assertSameBits(int floats, Run run) {
        int[] expected = null;
        for (Kernels kernels : all) {
            MemorySegment out = arena.allocate(JAVA_FLOAT, floats);
            run.into(kernels, out);
            int[] bits = new int[floats];
            for (int i = 0; i < floats; i++) {
                bits[i] = Float.floatToRawIntBits(out.getAtIndex(JAVA_FLOAT, i));
            }
            if (expected == null) {
                expected = bits;
                assertThat(bits).as("a result that is all zeros proves nothing").containsAnyOf(nonZero(bits));
            }
            assertThat(bits).as(kernels.description()).isEqualTo(expected);
        }
    }

    private static int[] nonZero(int[] bits) {
        return IntStream.of(bits).filter(bit -> bit != 0).toArray();
    }

    private AttentionSpan span(AttentionShape shape, KeyValueFormat format, int row, int tokens, int position) {
        if (format == KeyValueFormat.INT8) {
            return new AttentionSpan(row, tokens, position, format, integers(shape, position + tokens));
        }
        List<MemorySegment> blocks = IntStream.range(0, Math.ceilDiv(position + tokens, 32))
                .mapToObj(block -> numbers(format, KeyValueBlock.bytes(shape, format)))
                .toList();
        return new AttentionSpan(row, tokens, position, format, blocks);
    }

    /// Returns blocks of positions in 8 bits. The last block is full, because hidden positions may have any
    /// numbers.
    private List<MemorySegment> integers(AttentionShape shape, int positions) {
        int stored = Math.ceilDiv(positions, 32) * 32;
        AttentionSpan span = empty(shape, KeyValueFormat.INT8, 0, stored, 0);
        MemorySegment keys = randoms(stored * shape.keyValueWidth());
        all.getFirst().storeKeyValues(shape, List.of(span), keys, randoms(stored * shape.keyValueWidth()));
        return span.blocks();
    }

    private AttentionSpan empty(AttentionShape shape, KeyValueFormat format, int row, int tokens, int position) {
        List<MemorySegment> blocks = IntStream.range(0, Math.ceilDiv(position + tokens, 32))
                .mapToObj(block -> arena.allocate(KeyValueBlock.bytes(shape, format), Float.BYTES))
                .toList();
        return new AttentionSpan(row, tokens, position, format, blocks);
    }

    /// Numbers of all bit patterns, half of which are ties between two bfloat16 numbers. Some are NaN.
    private MemorySegment hardToRound(int count) {
        MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            int bits = i % 2 == 0 ? random.nextInt() : random.nextInt() << 15;
            segment.setAtIndex(JAVA_INT, i, i % 97 == 0 ? bits | 0x7f80_0000 : bits);
        }
        return segment;
    }

    private MemorySegment numbers(KeyValueFormat format, long bytes) {
        MemorySegment segment = arena.allocate(bytes, Float.BYTES);
        for (long at = 0; at < bytes; at += format.bytes()) {
            format.set(segment.address() + at, (float) random.nextGaussian());
        }
        return segment;
    }

    private MemorySegment randoms(int count) {
        MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
        for (int i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return segment;
    }

    private Matrix f32(int outputs, int inputs) {
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

    private Matrix bf16(int outputs, int inputs) {
        MemorySegment rows = arena.allocate(JAVA_SHORT, (long) outputs * inputs);
        for (int i = 0; i < outputs * inputs; i++) {
            rows.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16));
        }
        return Matrices.bf16(rows, outputs, inputs, arena);
    }
}
