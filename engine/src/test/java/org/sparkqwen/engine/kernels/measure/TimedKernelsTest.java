package org.sparkqwen.engine.kernels.measure;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;

/// The counted operations are compared with numbers worked out by hand.
class TimedKernelsTest {
    private final Arena arena = Arena.ofShared();
    private final TimedKernels kernels = new TimedKernels(new ScalarProvider().create(1));

    @AfterEach
    void free() {
        kernels.close();
        arena.close();
    }

    @Test
    void aLinearLayerIsTwoOperationsATokenAndParameter() {
        // 3 tokens, 40 inputs, 33 + 5 outputs: 2 · 3 · 40 · 38
        kernels.linear(floats(3 * 40), 3, List.of(projection(33, 40, 3), projection(5, 40, 3)));
        Work work = kernels.work();
        assertThat(work.flops(Stage.LINEAR)).isEqualTo(9_120);
        assertThat(work.totalFlops()).isEqualTo(9_120);
        assertThat(work.nanos(Stage.LINEAR)).isPositive();
        // Panels of 32 outputs, two and one, in bfloat16: 40 · 32 · 2 bytes each
        assertThat(work.weightBytes()).isEqualTo(3 * 2_560);
    }

    @Test
    void soAreItsOtherForms() {
        // 3 tokens, 40 inputs, 33 outputs of one weight and then of two: 2 · 3 · 40 · 33 · 3
        kernels.addLinear(floats(3 * 40), 3, matrix(33, 40), floats(3 * 33));
        kernels.swiGlu(floats(3 * 40), 3, matrix(33, 40), matrix(33, 40), floats(3 * 33));
        assertThat(kernels.work().flops(Stage.LINEAR)).isEqualTo(23_760);
        assertThat(kernels.work().totalFlops()).isEqualTo(23_760);
        assertThat(kernels.work().weightBytes()).isEqualTo(3 * 2 * 2_560);
    }

    @Test
    void attentionIsFourOperationsAHeadDimensionAndKeySeen() {
        AttentionShape shape = new AttentionShape(4, 2, 16);
        // Three tokens from position 0 see 1 + 2 + 3 keys, two from position 33 see 34 + 35: 75 keys, 4 · 16 · 4 heads
        List<AttentionSpan> spans = List.of(span(0, 3, 0, blocks(shape, 1)), span(3, 2, 33, blocks(shape, 2)));
        MemorySegment queries = floats(5 * shape.queryWidth());
        kernels.attention(shape, spans, queries, queries, 0.25f);
        Work work = kernels.work();
        assertThat(work.flops(Stage.ATTENTION)).isEqualTo(19_200);
        assertThat(work.totalFlops()).isEqualTo(19_200);
        assertThat(work.weightBytes()).isZero();
    }

    @Test
    void anExpertCountsForItsRowsAlone() {
        // 5 rows of 7 in all, three weights of 40 · 33: 2 · 7 · 3 · 40 · 33
        ExpertRows first = experts(new int[] {0, 1, 2, 3, 4});
        ExpertRows second = experts(new int[] {3, 1});
        kernels.addExperts(floats(5 * 40), List.of(first, second), floats(7 * 33), floats(5 * 40));
        assertThat(kernels.work().flops(Stage.LINEAR)).isEqualTo(55_440);
        assertThat(kernels.work().totalFlops()).isEqualTo(55_440);
        // Panels of 32 outputs, two of gate, of up and of down: 40 · 32 · 2 bytes each, or 33 · 32 · 2
        assertThat(kernels.work().weightBytes()).isEqualTo(2 * (4 * 2_560 + 2 * 2_112));
    }

    @Test
    void theHeadIsALinearLayerOverTheVocabulary() {
        Matrix head = matrix(70, 24);
        // 2 rows, 24 inputs, 70 outputs, once as logits and once reduced
        kernels.logits(head, floats(2 * 24), floats(2 * 70), 2);
        kernels.logProbabilities(head, floats(2 * 24), new int[] {0, 69}, new double[2], new boolean[2]);
        kernels.logSumExp(floats(2 * 70), 70, new double[2]);
        Work work = kernels.work();
        assertThat(work.flops(Stage.HEAD)).isEqualTo(2 * 6_720);
        assertThat(work.flops(Stage.LINEAR)).isZero();
        assertThat(work.weightBytes()).isEqualTo(2 * 3 * 32 * 24 * 2);
    }

    @Test
    void theRestTakesTimeAndCountsNoArithmetic() {
        MemorySegment x = floats(64);
        kernels.normAndRotate(x, floats(32), 1e-6f, 1, 32, new int[] {0, 1}, floats(32), floats(32));
        kernels.rmsNorm(x, floats(32), x, 2, 32, 1e-6f);
        kernels.rotate(x, 1, 32, new int[] {0, 1}, floats(32), floats(32));
        kernels.route(x, 2, 32, 4, true);
        kernels.embed(matrix(32, 32), new int[] {31}, x);
        kernels.gatherRows(x, 32, new int[] {1}, floats(32));
        assertThat(kernels.work().totalFlops()).isZero();
        assertThat(kernels.work().nanos(Stage.REST)).isPositive();
    }

    @Test
    void workSinceIsTheDifference() {
        kernels.linear(floats(8), 1, List.of(projection(4, 8, 1)));
        Work earlier = kernels.work();
        kernels.linear(floats(2 * 8), 2, List.of(projection(4, 8, 2)));
        Work since = kernels.work().since(earlier);
        assertThat(since.flops(Stage.LINEAR)).isEqualTo(2 * 2 * 4 * 8);
        assertThat(since.weightBytes()).isEqualTo(8 * 32 * 2);
        assertThat(since.nanos(Stage.LINEAR))
                .isEqualTo(kernels.work().nanos(Stage.LINEAR) - earlier.nanos(Stage.LINEAR));
        assertThat(since.nanos(Stage.HEAD)).isZero();
    }

    @Test
    void burstsBelongToTheStageAmidWhichTheyWere() {
        List<Projection> projections = List.of(projection(4, 8, 1));
        MemorySegment in = floats(8);
        assertThat(burstsOf(() -> kernels.linear(in, 1, projections))).isEqualTo(Bursts.NONE);

        kernels.measurePeak(true);
        Bursts bursts = burstsOf(() -> kernels.linear(in, 1, projections));
        assertThat(bursts.nanos()).isPositive();
        assertThat(bursts.share(1e9).orElseThrow()).isPositive().isFinite();
        assertThat(bursts.share(bursts.flops() * 1e9 / bursts.nanos()).orElseThrow())
                .isCloseTo(1, within(1e-9));
        assertThat(kernels.work().bursts(Stage.LINEAR)).isEqualTo(bursts);
        assertThat(kernels.work().bursts(Stage.HEAD).share(1e9)).isEmpty();

        kernels.measurePeak(false);
        assertThat(burstsOf(() -> kernels.linear(in, 1, projections))).isEqualTo(Bursts.NONE);
    }

    /// The bursts amid an operation that is repeated for a tenth of a second, five times as long as a thread waits.
    private Bursts burstsOf(Runnable operation) {
        Work before = kernels.work();
        long start = System.nanoTime();
        while (System.nanoTime() - start < 100_000_000) {
            operation.run();
        }
        return kernels.work().since(before).allBursts();
    }

    private MemorySegment floats(int count) {
        return arena.allocate(JAVA_FLOAT, count);
    }

    private Matrix matrix(int outputs, int inputs) {
        long bytes = Matrix.bytes(KnownFormat.BF16, outputs, inputs);
        return new Matrix(KnownFormat.BF16, outputs, inputs, arena.allocate(bytes, Float.BYTES));
    }

    private ExpertRows experts(int[] rows) {
        return new ExpertRows(matrix(33, 40), matrix(33, 40), matrix(40, 33), rows, new float[rows.length]);
    }

    private Projection projection(int outputs, int inputs, int tokens) {
        return new Projection(matrix(outputs, inputs), floats(tokens * outputs));
    }

    private static AttentionSpan span(int row, int tokens, int position, List<MemorySegment> blocks) {
        return new AttentionSpan(row, tokens, position, KeyValueFormat.F32, blocks);
    }

    private List<MemorySegment> blocks(AttentionShape shape, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> arena.allocate(KeyValueBlock.bytes(shape, KeyValueFormat.F32), Float.BYTES))
                .toList();
    }
}
