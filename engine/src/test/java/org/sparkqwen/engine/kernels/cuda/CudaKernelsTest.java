package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HeadRotation;
import org.sparkqwen.engine.kernels.HostBuffers;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.LayerSpans;
import org.sparkqwen.engine.kernels.Matrices;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Pending;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;
import org.sparkqwen.engine.testing.CudaDevice;

/// Each operation on a GPU gives what the scalar reference gives, up to the 16 bits of its factors, and the bits of a
/// row do not depend on the other rows.
@Tag("cuda")
class CudaKernelsTest {
    /// The greatest difference from the reference, relative to the greatest number of a result.
    private static final double TOLERANCE = 2e-5;

    @BeforeAll
    static void needsGpu() {
        CudaDevice.assumeThere();
    }

    /// One operation on some kernels, with operands from a seed.
    private interface Operation {
        float[] run(Kernels kernels, Buffers buffers, Random random, Arena arena);
    }

    private static void assertNearReference(String name, Operation operation) {
        float[] expected;
        float[] ours;
        try (Kernels scalar = new ScalarProvider().create(4);
                Buffers buffers = new HostBuffers();
                Arena arena = Arena.ofShared()) {
            expected = operation.run(scalar, buffers, new Random(7), arena);
        }
        try (Kernels cuda = new CudaKernels(1, Precision.FLOAT32, 0);
                Buffers buffers = cuda.newBuffers();
                Arena arena = Arena.ofShared()) {
            ours = operation.run(cuda, buffers, new Random(7), arena);
        }
        assertThat(ours).hasSameSizeAs(expected);
        double greatest = 0;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            greatest = Math.max(greatest, Math.abs(expected[i]));
            worst = Math.max(worst, Math.abs((double) ours[i] - expected[i]));
            assertThat(ours[i]).as("%s, number %d", name, i).isFinite();
        }
        System.out.printf("%s: differs by at most %.2g of the greatest%n", name, worst / greatest);
        assertThat(worst / greatest).as(name).isLessThanOrEqualTo(TOLERANCE);
    }

    private static float[] numbers(Random random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    private static MemorySegment operand(Buffers buffers, float[] numbers) {
        MemorySegment operand = buffers.allocateFloats(numbers.length);
        buffers.write(numbers, numbers.length, operand);
        return operand;
    }

    private static float[] read(Buffers buffers, MemorySegment operand) {
        return buffers.onHost(operand).toArray(JAVA_FLOAT);
    }

    private static Matrix matrix(
            Buffers buffers, KnownFormat format, int outputs, int inputs, Random random, Arena arena) {
        float[] weights = numbers(random, outputs * inputs);
        Matrix packed = Matrices.packed(
                format,
                (output, row) -> System.arraycopy(weights, output * inputs, row, 0, inputs),
                outputs,
                inputs,
                arena);
        return new Matrix(format, outputs, inputs, buffers.adopt(packed.panels()));
    }

    @ParameterizedTest
    @EnumSource
    void linearLayers(KnownFormat format) {
        for (int[] shape : new int[][] {{1, 40, 72}, {70, 200, 320}, {300, 512, 1024}, {5, 1000, 65}}) {
            assertNearReference(
                    "linear, %s, %s".formatted(format, Arrays.toString(shape)), (kernels, buffers, random, arena) -> {
                        MemorySegment in = operand(buffers, numbers(random, shape[0] * shape[2]));
                        MemorySegment bias = operand(buffers, numbers(random, shape[1]));
                        MemorySegment out = buffers.allocateFloats((long) shape[0] * shape[1]);
                        MemorySegment other = buffers.allocateFloats((long) shape[0] * 33);
                        kernels.linear(
                                in,
                                shape[0],
                                List.of(
                                        new Projection(
                                                matrix(buffers, format, shape[1], shape[2], random, arena), bias, out),
                                        new Projection(
                                                matrix(buffers, format, 33, shape[2], random, arena), null, other)));
                        return joined(read(buffers, out), read(buffers, other));
                    });
        }
    }

    private static float[] joined(float[] one, float[] other) {
        float[] both = Arrays.copyOf(one, one.length + other.length);
        System.arraycopy(other, 0, both, one.length, other.length);
        return both;
    }

    @ParameterizedTest
    @EnumSource
    void feedForward(KnownFormat format) {
        for (int[] shape : new int[][] {{1, 72, 40}, {200, 320, 256}, {33, 100, 51}}) {
            assertNearReference(
                    "feed-forward, %s, %s".formatted(format, Arrays.toString(shape)),
                    (kernels, buffers, random, arena) -> {
                        int rows = shape[0];
                        MemorySegment in = operand(buffers, numbers(random, rows * shape[1]));
                        MemorySegment norm = operand(buffers, numbers(random, shape[1]));
                        MemorySegment normed = buffers.allocateFloats((long) rows * shape[1]);
                        MemorySegment gated = buffers.allocateFloats((long) rows * shape[2]);
                        kernels.rmsNorm(in, norm, normed, rows, shape[1], 1e-6f);
                        Matrix gate = matrix(buffers, format, shape[2], shape[1], random, arena);
                        Matrix up = matrix(buffers, format, shape[2], shape[1], random, arena);
                        Matrix down = matrix(buffers, format, shape[1], shape[2], random, arena);
                        kernels.swiGlu(normed, rows, gate, up, gated);
                        kernels.addLinear(gated, rows, down, in);
                        return read(buffers, in);
                    });
        }
    }

    /// Few rows and many, and experts whose weights do not have the format of the others.
    @ParameterizedTest
    @EnumSource
    void experts(KnownFormat format) {
        for (int times : new int[] {1, 5}) {
            assertNearReference("experts, %s, %d".formatted(format, times), (kernels, buffers, random, arena) -> {
                int batch = 90 * times;
                MemorySegment in = operand(buffers, numbers(random, batch * 96));
                MemorySegment sum = operand(buffers, numbers(random, batch * 96));
                List<ExpertRows> experts = new ArrayList<>();
                int count = 0;
                for (int[] rows : new int[][] {
                    {0},
                    {1, 3, 89},
                    IntStream.range(0, 80 * times).toArray(),
                    IntStream.range(7, 70 * times).toArray(),
                    IntStream.range(0, 90 * times).toArray()
                }) {
                    KnownFormat its = experts.size() == 3 ? KnownFormat.F32 : format;
                    experts.add(new ExpertRows(
                            matrix(buffers, its, 48, 96, random, arena),
                            matrix(buffers, its, 48, 96, random, arena),
                            matrix(buffers, its, 96, 48, random, arena),
                            rows,
                            numbers(random, rows.length)));
                    count += rows.length;
                }
                kernels.addExperts(in, experts, buffers.allocateFloats(count * 48L), sum);
                return read(buffers, sum);
            });
        }
    }

    /// Integers that products widen give the bits of the same numbers in float32, which are widened beforehand.
    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void integersHaveTheBitsOfTheirNumbers(KnownFormat format) {
        for (Precision precision : List.of(Precision.FLOAT32, Precision.BFLOAT16)) {
            for (int[] shape : new int[][] {{1, 200, 320}, {300, 1000, 704}, {2000, 1500, 648}, {7, 65, 40}}) {
                assertIntegersHaveTheBitsOfTheirNumbers(format, precision, shape[0], shape[1], shape[2]);
            }
        }
    }

    private static void assertIntegersHaveTheBitsOfTheirNumbers(
            KnownFormat format, Precision precision, int rows, int outputs, int inputs) {
        try (Kernels cuda = new CudaKernels(1, precision, 0);
                Kernels scalar = new ScalarProvider().create(2);
                Buffers buffers = cuda.newBuffers();
                Buffers host = new HostBuffers();
                Arena arena = Arena.ofShared()) {
            Random random = new Random(5);
            Matrix integers = matrix(buffers, format, outputs, inputs, random, arena);
            MemorySegment widened = host.allocateFloats((long) outputs * inputs);
            scalar.embed(integers, IntStream.range(0, outputs).toArray(), widened);
            float[] numbers = widened.toArray(JAVA_FLOAT);
            Matrix packed = Matrices.packed(
                    KnownFormat.F32,
                    (output, row) -> System.arraycopy(numbers, output * inputs, row, 0, inputs),
                    outputs,
                    inputs,
                    arena);
            Matrix same = new Matrix(KnownFormat.F32, outputs, inputs, buffers.adopt(packed.panels()));
            MemorySegment in = operand(buffers, numbers(random, rows * inputs));
            assertThat(linear(cuda, buffers, in, rows, integers, outputs))
                    .as("%s, %s, %d rows", format, precision, rows)
                    .isEqualTo(linear(cuda, buffers, in, rows, same, outputs));
            int[] targets = random.ints(rows, 0, outputs).toArray();
            assertThat(logProbabilities(cuda, integers, in, targets))
                    .isEqualTo(logProbabilities(cuda, same, in, targets));
            assertThat(gated(cuda, buffers, in, rows, integers, integers, arena))
                    .isEqualTo(gated(cuda, buffers, in, rows, same, same, arena));
        }
    }

    private static double[] logProbabilities(Kernels kernels, Matrix head, MemorySegment in, int[] targets) {
        double[] out = new double[targets.length];
        kernels.logProbabilities(head, in, targets, out, new boolean[targets.length]);
        return out;
    }

    /// Results that are awaited late, or never, do not mix with those of later operations.
    @Test
    @SuppressWarnings("try") // results outlive their back-end
    void resultsMayBeAwaitedLater() {
        try (Kernels cuda = new CudaKernels(1, Precision.FLOAT32, 0);
                Buffers buffers = cuda.newBuffers();
                Arena arena = Arena.ofShared()) {
            Random random = new Random(9);
            Matrix head = matrix(buffers, KnownFormat.BF16, 1000, 64, random, arena);
            MemorySegment in = operand(buffers, numbers(random, 50 * 64));
            List<Pending> pending = new ArrayList<>();
            List<double[]> late = new ArrayList<>();
            List<int[]> targets = new ArrayList<>();
            for (int i = 0; i < 11; i++) {
                int[] of = random.ints(50 - i, 0, 1000).toArray();
                double[] out = new double[of.length];
                pending.add(cuda.startLogProbabilities(head, in, of, out, new boolean[of.length], null));
                late.add(out);
                targets.add(of);
            }
            for (int i = 10; i >= 0; i--) {
                pending.get(i).await();
                assertThat(pending.get(i).isDone()).isTrue();
                assertThat(late.get(i)).isEqualTo(logProbabilities(cuda, head, in, targets.get(i)));
            }
            Pending lost = cuda.startLogProbabilities(head, in, new int[1], new double[1], new boolean[1], null);
            cuda.close();
            assertThatThrownBy(lost::await).isInstanceOf(IllegalStateException.class);
        }
    }

    @ParameterizedTest
    @EnumSource
    void attention(KeyValueFormat format) {
        for (AttentionShape shape : List.of(
                new AttentionShape(4, 2, 64),
                new AttentionShape(8, 2, 128),
                new AttentionShape(14, 2, 40),
                new AttentionShape(3, 3, 36),
                new AttentionShape(16, 1, 128))) {
            assertNearReference("attention, %s, %s".formatted(format, shape), (kernels, buffers, random, arena) -> {
                int[][] cuts = {{0, 70}, {70, 75}, {75, 76}}; // a prompt in pieces, then a token
                List<MemorySegment> blocks = new ArrayList<>();
                for (int i = 0; i < 6; i++) {
                    blocks.add(buffers.allocate(KeyValueBlock.bytes(shape, format)));
                }
                float[] all = {};
                for (int[] cut : cuts) {
                    int tokens = cut[1] - cut[0];
                    AttentionSpan one = new AttentionSpan(0, tokens, cut[0], format, blocks.subList(0, 3));
                    AttentionSpan two = new AttentionSpan(tokens, tokens, cut[0], format, blocks.subList(3, 6));
                    MemorySegment queries = operand(buffers, numbers(random, 2 * tokens * shape.queryWidth()));
                    MemorySegment keys = operand(buffers, numbers(random, 2 * tokens * shape.keyValueWidth()));
                    MemorySegment values = operand(buffers, numbers(random, 2 * tokens * shape.keyValueWidth()));
                    kernels.storeKeyValues(shape, List.of(one, two), keys, values);
                    kernels.attention(shape, List.of(one, two), queries, queries, 0.2f);
                    MemorySegment out = buffers.allocateFloats(2L * tokens * shape.queryWidth());
                    Matrix unit = identity(buffers, shape.queryWidth(), arena);
                    kernels.linear(queries, 2 * tokens, List.of(new Projection(unit, out)));
                    all = joined(all, read(buffers, out));
                }
                return all;
            });
        }
    }

    /// One operation that prepares attention gives the bits of operations one by one.
    @ParameterizedTest
    @EnumSource
    void preparedAttention(Precision precision) {
        if (!new CudaProvider().precisions().contains(precision)) {
            return;
        }
        AttentionShape shape = new AttentionShape(8, 2, 128);
        for (int tokens : new int[] {1, 3, 70}) {
            for (boolean isNormed : new boolean[] {true, false}) {
                float[] together = prepared(shape, tokens, isNormed, precision, true);
                assertThat(together)
                        .as("%d tokens, %s, norm %s", tokens, precision, isNormed)
                        .containsExactly(prepared(shape, tokens, isNormed, precision, false));
                if (precision == Precision.FLOAT32) {
                    assertNearReference(
                            "prepared attention, %d tokens, norm %s".formatted(tokens, isNormed),
                            (kernels, buffers, random, arena) ->
                                    prepared(shape, tokens, isNormed, kernels, buffers, random, arena, true));
                }
            }
        }
    }

    private static float[] prepared(
            AttentionShape shape, int tokens, boolean isNormed, Precision precision, boolean isTogether) {
        try (Kernels cuda = new CudaKernels(1, precision, 0);
                Buffers buffers = cuda.newBuffers();
                Arena arena = Arena.ofShared()) {
            return prepared(shape, tokens, isNormed, cuda, buffers, new Random(8), arena, isTogether);
        }
    }

    /// The attention of a text with an earlier one beside it.
    ///
    /// @param isTogether whether one operation prepares it, or one after the other
    private static float[] prepared(
            AttentionShape shape,
            int tokens,
            boolean isNormed,
            Kernels kernels,
            Buffers buffers,
            Random random,
            Arena arena,
            boolean isTogether) {
        int first = 40;
        List<MemorySegment> blocks = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            blocks.add(buffers.allocate(KeyValueBlock.bytes(shape, KeyValueFormat.F32)));
        }
        int positions = first + tokens;
        MemorySegment cosines = operand(buffers, numbers(random, positions * shape.headDim() / 2));
        MemorySegment sines = operand(buffers, numbers(random, positions * shape.headDim() / 2));
        MemorySegment queryNorm = operand(buffers, numbers(random, shape.headDim()));
        MemorySegment keyNorm = operand(buffers, numbers(random, shape.headDim()));
        float[] all = {};
        for (int[] cut : new int[][] {{0, first}, {first, positions}}) {
            int count = cut[1] - cut[0];
            LayerSpans spans = LayerSpans.of(List.of(new AttentionSpan(0, count, cut[0], KeyValueFormat.F32, blocks)));
            int[] places = IntStream.range(cut[0], cut[1]).toArray();
            MemorySegment queries = operand(buffers, numbers(random, count * shape.queryWidth()));
            MemorySegment keys = operand(buffers, numbers(random, count * shape.keyValueWidth()));
            MemorySegment values = operand(buffers, numbers(random, count * shape.keyValueWidth()));
            HeadRotation rotation = new HeadRotation(
                    isNormed ? queryNorm : null, isNormed ? keyNorm : null, 1e-6f, places, cosines, sines);
            if (isTogether) {
                kernels.prepareAttention(shape, spans, 0, rotation, queries, keys, values);
            } else {
                kernels.rotate(queries, rotation.queryNorm(), shape.heads(), shape.headDim(), rotation);
                kernels.rotate(keys, rotation.keyNorm(), shape.keyValueHeads(), shape.headDim(), rotation);
                kernels.storeKeyValues(shape, spans, 0, keys, values);
            }
            kernels.attention(shape, spans, 0, queries, queries, 0.2f);
            MemorySegment out = buffers.allocateFloats((long) count * shape.queryWidth());
            Matrix unit = identity(buffers, shape.queryWidth(), arena);
            kernels.linear(queries, count, List.of(new Projection(unit, out)));
            all = joined(all, read(buffers, out));
        }
        return all;
    }

    private static Matrix identity(Buffers buffers, int width, Arena arena) {
        Matrix packed = Matrices.packed(
                KnownFormat.BF16,
                (output, row) -> {
                    Arrays.fill(row, 0f);
                    row[output] = 1;
                },
                width,
                width,
                arena);
        return new Matrix(KnownFormat.BF16, width, width, buffers.adopt(packed.panels()));
    }

    @Test
    void logProbabilitiesAndMoments() {
        for (int vocabulary : new int[] {100, 128, 1000, 40000}) {
            assertNearReference("head of " + vocabulary, (kernels, buffers, random, arena) -> {
                int rows = 77;
                MemorySegment in = operand(buffers, numbers(random, rows * 64));
                Matrix head = matrix(buffers, KnownFormat.BF16, vocabulary, 64, random, arena);
                int[] targets = random.ints(rows, 0, vocabulary).toArray();
                double[] out = new double[rows];
                boolean[] likeliest = new boolean[rows];
                Moments moments = Moments.ofRows(rows);
                kernels.logProbabilities(head, in, targets, out, likeliest, moments);
                MemorySegment logits = buffers.allocateFloats((long) rows * vocabulary);
                kernels.logits(head, in, logits, rows);
                double[] sums = new double[rows];
                kernels.logSumExp(logits, vocabulary, sums);
                int[] best = new int[rows];
                kernels.likeliest(logits, vocabulary, vocabulary - 3, best);
                float[] onHost = read(buffers, logits);
                float[] all = new float[5 * rows];
                for (int row = 0; row < rows; row++) {
                    assertThat(onHost[row * vocabulary + targets[row]] - sums[row])
                            .as("the bits of scoring")
                            .isEqualTo(out[row]);
                    all[row] = (float) out[row];
                    all[rows + row] = (float) moments.means()[row];
                    all[2 * rows + row] = (float) moments.deviations()[row];
                    all[3 * rows + row] = likeliest[row] ? 1 : 0;
                    all[4 * rows + row] = best[row] / (float) vocabulary;
                }
                return all;
            });
        }
    }

    /// Tiles of the output differ with the number of rows, and the bits must not.
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void aRowHasTheSameBitsAmongAnyNumberOfOthers(Precision precision) {
        int most = 600;
        int inputs = 704;
        int outputs = 2048;
        try (Kernels kernels = new CudaKernels(1, precision, 0);
                Buffers buffers = kernels.newBuffers();
                Arena arena = Arena.ofShared()) {
            Random random = new Random(3);
            for (KnownFormat format : KnownFormat.values()) {
                MemorySegment in = operand(buffers, numbers(random, most * inputs));
                Matrix weight = matrix(buffers, format, outputs, inputs, random, arena);
                Matrix up = matrix(buffers, format, outputs, inputs, random, arena);
                float[] linear = linear(kernels, buffers, in, most, weight, outputs);
                float[] gated = gated(kernels, buffers, in, most, weight, up, arena);
                for (int rows : new int[] {1, 2, 63, 64, 65, 127, 129, 300, 599}) {
                    assertThat(linear(kernels, buffers, in, rows, weight, outputs))
                            .as("%d rows", rows)
                            .isEqualTo(Arrays.copyOf(linear, rows * outputs));
                    assertThat(gated(kernels, buffers, in, rows, weight, up, arena))
                            .as("%d gated rows", rows)
                            .isEqualTo(Arrays.copyOf(gated, rows * outputs));
                }
            }
        }
    }

    private static float[] linear(
            Kernels kernels, Buffers buffers, MemorySegment in, int rows, Matrix weight, int outputs) {
        MemorySegment out = buffers.allocateFloats((long) rows * outputs);
        kernels.linear(in, rows, List.of(new Projection(weight, out)));
        return read(buffers, out);
    }

    private static float[] gated(
            Kernels kernels, Buffers buffers, MemorySegment in, int rows, Matrix gate, Matrix up, Arena arena) {
        MemorySegment gated = buffers.allocateFloats((long) rows * gate.outputs());
        kernels.swiGlu(in, rows, gate, up, gated);
        MemorySegment out = buffers.allocateFloats((long) rows * gate.outputs());
        kernels.addLinear(gated, rows, identity(buffers, gate.outputs(), arena), out);
        return read(buffers, out);
    }
}
