package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.GuardedMemory;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Matrices;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.ScaledBytes;

/// No operation reads or writes beyond the end of an operand, whatever its format and shape. Operands that do
/// not fit are refused before they are touched.
class OperandsTest {
    private static final int HIDDEN = 40;
    private static final int WIDE = 70;
    private static final int TOKENS = 24; // so few that tiles read ahead
    private static final AttentionShape SHAPE = new AttentionShape(4, 2, 16);

    /// An operation with operands that fit.
    ///
    /// @param segments the segments that it reads and writes
    /// @param matrices the matrices whose shapes and formats matter
    record Operation(String name, List<MemorySegment> segments, List<Matrix> matrices, Run run) {
        @Override
        public String toString() {
            return name;
        }
    }

    interface Run {
        void with(Kernels kernels, List<MemorySegment> segments, List<Matrix> matrices);
    }

    private static Stream<Operation> operations() {
        int[] rows = IntStream.range(0, TOKENS).toArray();
        int[] positions = IntStream.range(0, TOKENS).toArray();
        float[] shares = new float[TOKENS];
        MemorySegment block = floats((int) (KeyValueBlock.bytes(SHAPE, KeyValueFormat.F32) / Float.BYTES));
        List<AttentionSpan> spans = List.of(new AttentionSpan(0, TOKENS, 0, KeyValueFormat.F32, List.of(block)));
        return Stream.of(
                new Operation(
                        "embed",
                        List.of(floats(TOKENS * HIDDEN)),
                        List.of(bf16(WIDE, HIDDEN)),
                        (kernels, s, m) -> kernels.embed(m.getFirst(), rows, s.getFirst())),
                new Operation(
                        "gatherRows",
                        List.of(floats(TOKENS * HIDDEN), floats(TOKENS * HIDDEN)),
                        List.of(),
                        (kernels, s, m) -> kernels.gatherRows(s.get(0), HIDDEN, rows, s.get(1))),
                new Operation(
                        "linear",
                        List.of(floats(TOKENS * HIDDEN), floats(TOKENS * WIDE), floats(WIDE), floats(TOKENS * 33)),
                        List.of(bf16(WIDE, HIDDEN), bf16(33, HIDDEN)),
                        (kernels, s, m) -> kernels.linear(
                                s.get(0),
                                TOKENS,
                                List.of(
                                        new Projection(m.get(0), s.get(2), s.get(1)),
                                        new Projection(m.get(1), s.get(3))))),
                new Operation(
                        "addLinear",
                        List.of(floats(TOKENS * HIDDEN), floats(TOKENS * WIDE)),
                        List.of(bf16(WIDE, HIDDEN)),
                        (kernels, s, m) -> kernels.addLinear(s.get(0), TOKENS, m.get(0), s.get(1))),
                new Operation(
                        "swiGlu",
                        List.of(floats(TOKENS * HIDDEN), floats(TOKENS * WIDE)),
                        List.of(bf16(WIDE, HIDDEN), bf16(WIDE, HIDDEN)),
                        (kernels, s, m) -> kernels.swiGlu(s.get(0), TOKENS, m.get(0), m.get(1), s.get(1))),
                new Operation(
                        "addExperts",
                        List.of(floats(TOKENS * HIDDEN), floats(2 * TOKENS * WIDE), floats(TOKENS * HIDDEN)),
                        List.of(
                                bf16(WIDE, HIDDEN),
                                bf16(WIDE, HIDDEN),
                                bf16(HIDDEN, WIDE),
                                bf16(WIDE, HIDDEN),
                                bf16(WIDE, HIDDEN),
                                bf16(HIDDEN, WIDE)),
                        (kernels, s, m) -> kernels.addExperts(
                                s.get(0),
                                List.of(
                                        new ExpertRows(m.get(0), m.get(1), m.get(2), rows, shares),
                                        new ExpertRows(m.get(3), m.get(4), m.get(5), rows, shares)),
                                s.get(1),
                                s.get(2))),
                new Operation(
                        "route",
                        List.of(floats(TOKENS * 8)),
                        List.of(),
                        (kernels, s, m) -> kernels.route(s.getFirst(), TOKENS, 8, 2, true)),
                new Operation(
                        "rmsNorm",
                        List.of(floats(TOKENS * HIDDEN), floats(HIDDEN), floats(TOKENS * HIDDEN)),
                        List.of(),
                        (kernels, s, m) -> kernels.rmsNorm(s.get(0), s.get(1), s.get(2), TOKENS, HIDDEN, 1e-6f)),
                new Operation(
                        "normAndRotate",
                        List.of(floats(TOKENS * 64), floats(16), floats(TOKENS * 8), floats(TOKENS * 8)),
                        List.of(),
                        (kernels, s, m) ->
                                kernels.normAndRotate(s.get(0), s.get(1), 1e-6f, 4, 16, positions, s.get(2), s.get(3))),
                new Operation(
                        "rotate",
                        List.of(floats(TOKENS * 64), floats(TOKENS * 8), floats(TOKENS * 8)),
                        List.of(),
                        (kernels, s, m) -> kernels.rotate(s.get(0), 4, 16, positions, s.get(1), s.get(2))),
                new Operation(
                        "storeKeyValues",
                        List.of(floats(TOKENS * 32), floats(TOKENS * 32)),
                        List.of(),
                        (kernels, s, m) -> kernels.storeKeyValues(SHAPE, spans, s.get(0), s.get(1))),
                new Operation(
                        "attention",
                        List.of(floats(TOKENS * 64), floats(TOKENS * 64)),
                        List.of(),
                        (kernels, s, m) -> kernels.attention(SHAPE, spans, s.get(0), s.get(1), 0.25f)),
                new Operation("blocks", List.of(block), List.of(), (kernels, s, m) -> {
                    List<AttentionSpan> mutated = List.of(new AttentionSpan(0, TOKENS, 0, KeyValueFormat.F32, s));
                    kernels.attention(SHAPE, mutated, floats(TOKENS * 64), floats(TOKENS * 64), 0.25f);
                }),
                new Operation(
                        "logProbabilities",
                        List.of(floats(TOKENS * HIDDEN)),
                        List.of(bf16(WIDE, HIDDEN)),
                        (kernels, s, m) -> kernels.logProbabilities(
                                m.getFirst(), s.getFirst(), rows, new double[TOKENS], new boolean[TOKENS])),
                new Operation(
                        "logSumExp",
                        List.of(floats(TOKENS * WIDE)),
                        List.of(),
                        (kernels, s, m) -> kernels.logSumExp(s.getFirst(), WIDE, new double[TOKENS])),
                new Operation(
                        "likeliest",
                        List.of(floats(TOKENS * WIDE)),
                        List.of(),
                        (kernels, s, m) -> kernels.likeliest(s.getFirst(), WIDE, WIDE - 3, new int[TOKENS])));
    }

    @ParameterizedTest
    @MethodSource("operations")
    void operandsThatAreTooShortOrOnTheHeapAreRefused(Operation operation) {
        eachKernels(kernels -> {
            assertThatCode(() -> operation.run().with(kernels, operation.segments(), operation.matrices()))
                    .doesNotThrowAnyException();
            for (int i = 0; i < operation.segments().size(); i++) {
                MemorySegment whole = operation.segments().get(i);
                MemorySegment cut = whole.asSlice(0, whole.byteSize() - Float.BYTES);
                List<MemorySegment> shorter = replaced(operation.segments(), i, cut);
                assertThatThrownBy(() -> operation.run().with(kernels, shorter, operation.matrices()))
                        .as("operand %d of %s", i, kernels.description())
                        .isInstanceOf(IndexOutOfBoundsException.class);
                MemorySegment heap = MemorySegment.ofArray(new float[(int) (whole.byteSize() / Float.BYTES)]);
                List<MemorySegment> onHeap = replaced(operation.segments(), i, heap);
                assertThatThrownBy(() -> operation.run().with(kernels, onHeap, operation.matrices()))
                        .as("operand %d of %s", i, kernels.description())
                        .isInstanceOf(IllegalArgumentException.class);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("operations")
    void weightsOfAnotherShapeAreRefused(Operation operation) {
        eachKernels(kernels -> {
            for (int i = 0; i < operation.matrices().size(); i++) {
                Matrix matrix = operation.matrices().get(i);
                // These have more rows or columns than the other operands have room for.
                for (Matrix other : List.of(
                        bf16(matrix.outputs() + 1, matrix.inputs()),
                        bf16(matrix.outputs(), matrix.inputs() + 1),
                        f32(matrix.outputs() + 33, matrix.inputs() + 1))) {
                    if (List.of("embed", "logProbabilities").contains(operation.name())
                            && other.inputs() == matrix.inputs()) {
                        continue; // a larger vocabulary fits
                    }
                    List<Matrix> mutated = replaced(operation.matrices(), i, other);
                    assertThatThrownBy(() -> operation.run().with(kernels, operation.segments(), mutated))
                            .as("weight %d of %s", i, kernels.description())
                            .isInstanceOfAny(IllegalArgumentException.class, IndexOutOfBoundsException.class);
                }
            }
        });
    }

    @Test
    void aMatrixThatIsLongerThanItsMemoryIsRefused() {
        assertThatThrownBy(() -> new Matrix(KnownFormat.BF16, 33, 40, floats(64 * 40 / 2 - 1)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> new Matrix(KnownFormat.F32, 33, 40, floats(64 * 40 - 1)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> bf16(33, 40).panelAddress(2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> bf16(33, 40).panelAddress(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void indicesOutsideOfOperandsAreRefused() {
        eachKernels(kernels -> {
            MemorySegment x = floats(TOKENS * 64);
            MemorySegment angles = floats(TOKENS * 8);
            Matrix head = bf16(WIDE, 16);
            List<Runnable> refused = List.of(
                    () -> kernels.rotate(x, 4, 16, new int[] {-1}, angles, angles),
                    () -> kernels.rotate(x, 4, 16, new int[] {TOKENS}, angles, angles),
                    () -> kernels.logProbabilities(head, x, new int[] {WIDE}, new double[1], new boolean[1]),
                    () -> kernels.logProbabilities(head, x, new int[] {-1}, new double[1], new boolean[1]),
                    () -> kernels.logProbabilities(head, x, new int[] {1, 2}, new double[1], new boolean[2]),
                    () -> kernels.linear(x, -1, List.of(new Projection(head, x))),
                    () -> kernels.embed(head, new int[] {WIDE}, x),
                    () -> kernels.embed(head, new int[] {-1}, x),
                    () -> kernels.gatherRows(x, 64, new int[] {TOKENS}, angles),
                    () -> kernels.gatherRows(x, 64, new int[] {-1}, angles),
                    () -> kernels.route(x, 1, 4, 5, true),
                    () -> kernels.likeliest(x, 4, 5, new int[1]),
                    () -> new AttentionSpan(-1, 1, 0, KeyValueFormat.F32, List.of(x)),
                    () -> new AttentionSpan(0, 1, 32, KeyValueFormat.F32, List.of(x)));
            for (int i = 0; i < refused.size(); i++) {
                assertThatThrownBy(refused.get(i)::run)
                        .as("call %d of %s", i, kernels.description())
                        .isInstanceOfAny(IllegalArgumentException.class, IndexOutOfBoundsException.class);
            }
        });
    }

    /// Each format occurs in each place beside each other one, with nothing behind any operand. This runs in a
    /// JVM of its own, because a read past the end kills the JVM.
    @Test
    void weightsOfMixedFormatsAreNotReadBeyondTheirEnds() throws IOException, InterruptedException {
        Process process = OtherJvm.start(Guarded.class, List.of(OtherJvm.VECTOR_MODULE), "some");
        assertThat(OtherJvm.lines(process)).last().isEqualTo("the same bits, 285 times");
    }

    @Test
    @Tag("slow")
    void weightsOfAllMixturesOfFormatsAreNotReadBeyondTheirEnds() throws IOException, InterruptedException {
        Process process = OtherJvm.start(Guarded.class, List.of(OtherJvm.VECTOR_MODULE), "all");
        assertThat(OtherJvm.lines(process)).last().isEqualTo("the same bits, 4560 times");
    }

    /// The main class of that JVM.
    static final class Guarded {
        private static final List<WeightFormat> FORMATS = Stream.concat(
                        Arrays.stream(KnownFormat.values()), Stream.of(new ScaledBytes()))
                .toList();

        /// Tokens of a product: one for each tiling, and its neighbours.
        private static final int[] ALL_SIZES = {1, 2, 4, 8, 9, 16, 24, 36, 64, 95, 96, 300};

        private static final int[] SOME_SIZES = {1, 9, 95};

        private final Random random = new Random(5);

        public static void main(String[] args) {
            new Guarded().run(args[0].equals("all"));
        }

        private void run(boolean all) {
            int same = 0;
            for (int tokens : all ? ALL_SIZES : SOME_SIZES) {
                for (int gate = 0; gate < FORMATS.size(); gate++) {
                    for (int up = 0; up < FORMATS.size(); up++) {
                        for (int down = 0; down < FORMATS.size(); down++) {
                            // A Latin square has all pairs, and a fifth of all triples.
                            if (all || (gate + up + down) % FORMATS.size() == 0) {
                                same += agree(tokens, FORMATS.get(gate), FORMATS.get(up), FORMATS.get(down));
                            }
                        }
                    }
                }
            }
            for (Precision precision : Precision.values()) {
                for (int tokens : precision == Precision.FLOAT32 ? new int[0] : new int[] {1, 9, 33}) {
                    for (WeightFormat format : FORMATS) {
                        same += agree(precision, tokens, 33, format, format, format) ? 1 : 0;
                    }
                }
            }
            System.out.printf("the same bits, %d times%n", same);
        }

        /// Returns for how many numbers of outputs all kernels give the same bits.
        private int agree(int tokens, WeightFormat gate, WeightFormat up, WeightFormat down) {
            return (int) IntStream.of(33, 96, 200)
                    .filter(outputs -> agree(Precision.FLOAT32, tokens, outputs, gate, up, down))
                    .count();
        }

        private boolean agree(
                Precision precision,
                int tokens,
                int outputs,
                WeightFormat ofGate,
                WeightFormat ofUp,
                WeightFormat ofDown) {
            int hidden = 41;
            MemorySegment in = guarded(tokens * hidden);
            Matrix gate = weight(precision, outputs, hidden, ofGate);
            Matrix up = weight(precision, outputs, hidden, ofUp);
            Matrix down = weight(precision, hidden, outputs, ofDown);
            int[] rows = IntStream.range(0, tokens).toArray();
            float[] shares = new float[tokens];
            Arrays.fill(shares, 0.5f);
            List<ExpertRows> experts =
                    List.of(new ExpertRows(gate, up, down, rows, shares), new ExpertRows(up, gate, down, rows, shares));
            List<List<MemorySegment>> results = new ArrayList<>();
            for (Kernels kernels : BackEnds.create(precision, 1)) {
                try (kernels) {
                    MemorySegment gated = GuardedMemory.allocate(4L * tokens * outputs);
                    MemorySegment first = GuardedMemory.allocate(4L * tokens * outputs);
                    MemorySegment second = GuardedMemory.allocate(4L * tokens * outputs);
                    MemorySegment between = GuardedMemory.allocate(8L * tokens * outputs);
                    MemorySegment sum = GuardedMemory.allocate(4L * tokens * hidden);
                    kernels.swiGlu(in, tokens, gate, up, gated);
                    kernels.linear(in, tokens, List.of(new Projection(gate, first), new Projection(up, second)));
                    kernels.addLinear(gated, tokens, down, sum);
                    kernels.addExperts(in, experts, between, sum);
                    results.add(List.of(gated, first, second, sum));
                }
            }
            return results.stream()
                    .allMatch(result -> IntStream.range(0, 4)
                            .allMatch(i ->
                                    result.get(i).mismatch(results.getFirst().get(i)) == -1));
        }

        /// A weight of random numbers. In float32 any bytes are numbers, and other arithmetic needs scales and
        /// sums that fit.
        private Matrix weight(Precision precision, int outputs, int inputs, WeightFormat format) {
            return precision == Precision.FLOAT32
                    ? weight(outputs, inputs, format)
                    : Matrices.packed(
                            format,
                            (output, row) -> {
                                for (int i = 0; i < inputs; i++) {
                                    row[i] = random.nextFloat() - 0.5f;
                                }
                            },
                            outputs,
                            inputs,
                            (bytes, _) -> GuardedMemory.allocate(bytes));
        }

        private Matrix weight(int outputs, int inputs, WeightFormat format) {
            int words = (int) (Matrix.bytes(format, outputs, inputs) / Float.BYTES);
            return new Matrix(format, outputs, inputs, guarded(words));
        }

        /// Returns words that are finite as floats and as two bfloat16.
        private MemorySegment guarded(int words) {
            MemorySegment segment = GuardedMemory.allocate(4L * words);
            for (int i = 0; i < 2 * words; i++) {
                int bits = Float.floatToRawIntBits(random.nextFloat() - 0.5f) >>> 16;
                segment.setAtIndex(JAVA_SHORT, i, (short) bits);
            }
            return segment;
        }
    }

    private static void eachKernels(Consumer<Kernels> test) {
        for (Kernels kernels : BackEnds.create(1, 2)) {
            try (kernels) {
                test.accept(kernels);
            }
        }
    }

    private static <T> List<T> replaced(List<T> list, int index, T by) {
        List<T> changed = new ArrayList<>(list);
        changed.set(index, by);
        return changed;
    }

    private static MemorySegment floats(int count) {
        return Arena.ofAuto().allocate(JAVA_FLOAT, count);
    }

    private static Matrix bf16(int outputs, int inputs) {
        return zeros(KnownFormat.BF16, outputs, inputs);
    }

    private static Matrix f32(int outputs, int inputs) {
        return zeros(KnownFormat.F32, outputs, inputs);
    }

    private static Matrix zeros(KnownFormat format, int outputs, int inputs) {
        int words = (int) (Matrix.bytes(format, outputs, inputs) / Float.BYTES);
        return new Matrix(format, outputs, inputs, floats(words));
    }
}
