package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Matrices;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.testing.OtherJvm;

/// The kernels give the same bits when other code of the JVM reads segments on the heap, and stay fast, see `Memory`.
/// The times are printed and not asserted, because a machine has other users. A kernel that shares its loads' profile
/// with heap segments is 4 to 15 times slower (4.1 if only `Memory.ALL` is not constant).
class SegmentPollutionTest {
    private static final int TOKENS = 504;
    private static final int INPUTS = 1024;
    private static final int OUTPUTS = 2048;

    @Test
    @Tag("slow")
    void heapSegmentsElsewhereDoNotChangeBits() throws IOException, InterruptedException {
        Measured clean = measure("clean");
        Measured polluted = measure("polluted");
        System.out.printf(
                "linear of %d tokens, %d → %d, one thread: %.1f ms; after heap segments %.1f ms, ratio %.2f%n",
                TOKENS, INPUTS, OUTPUTS, clean.millis(), polluted.millis(), polluted.millis() / clean.millis());
        assertThat(polluted.bits()).isEqualTo(clean.bits());
    }

    private record Measured(String bits, double millis) {}

    private static Measured measure(String kind) throws IOException, InterruptedException {
        List<String> lines = OtherJvm.lines(OtherJvm.start(TimedLinear.class, List.of(OtherJvm.VECTOR_MODULE), kind));
        return new Measured(lines.get(lines.size() - 2), Double.parseDouble(lines.getLast()));
    }

    /// The work of each JVM. It prints a hash of the outputs' bits, and the milliseconds of the best run.
    static final class TimedLinear {
        private static final int RUNS = 30;
        private static final int POLLUTING_RUNS = 200_000;
        private static final int ELEMENTS = 1024;

        private TimedLinear() {}

        public static void main(String[] arguments) {
            if (arguments[0].equals("polluted")) {
                pollute();
            }
            try (Arena arena = Arena.ofConfined();
                    Kernels kernels = new VectorKernels(1, Precision.FLOAT32)) {
                Random random = new Random(11);
                MemorySegment in = arena.allocate(JAVA_FLOAT, (long) TOKENS * INPUTS);
                for (int i = 0; i < TOKENS * INPUTS; i++) {
                    in.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
                }
                MemorySegment rows = arena.allocate(JAVA_SHORT, (long) OUTPUTS * INPUTS);
                for (int i = 0; i < OUTPUTS * INPUTS; i++) {
                    rows.setAtIndex(
                            JAVA_SHORT, i, (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> 16));
                }
                Matrix weight = Matrices.bf16(rows, OUTPUTS, INPUTS, arena);
                MemorySegment out = arena.allocate(JAVA_FLOAT, (long) TOKENS * OUTPUTS);
                long best = Long.MAX_VALUE;
                for (int run = 0; run < RUNS; run++) {
                    long start = System.nanoTime();
                    kernels.linear(in, TOKENS, List.of(new Projection(weight, out)));
                    best = Math.min(best, System.nanoTime() - start);
                }
                System.out.println(Arrays.hashCode(out.toArray(JAVA_FLOAT)));
                System.out.println(best / 1e6);
            }
        }

        /// Reads heap segments of three kinds, and a native one, through all loads that kernels could share
        /// with other code.
        private static void pollute() {
            float sum = 0;
            try (Arena arena = Arena.ofConfined()) {
                List<MemorySegment> segments = List.of(
                        MemorySegment.ofArray(new byte[ELEMENTS]),
                        MemorySegment.ofArray(new short[ELEMENTS]),
                        MemorySegment.ofArray(new float[ELEMENTS]),
                        arena.allocate(ELEMENTS));
                for (int run = 0; run < POLLUTING_RUNS; run++) {
                    MemorySegment segment = segments.get(run % segments.size());
                    long at = run % 64 * 4L;
                    sum += FloatVector.fromMemorySegment(OuterProduct.FLOATS, segment, at, ByteOrder.nativeOrder())
                            .lane(0);
                    sum += ShortVector.fromMemorySegment(ShortVector.SPECIES_256, segment, at, ByteOrder.nativeOrder())
                            .lane(0);
                    FloatVector.zero(OuterProduct.FLOATS).intoMemorySegment(segment, at, ByteOrder.nativeOrder());
                    sum += segment.get(JAVA_FLOAT_UNALIGNED, at)
                            + segment.get(JAVA_SHORT_UNALIGNED, at)
                            + segment.get(JAVA_BYTE, at);
                    segment.set(JAVA_FLOAT_UNALIGNED, at, 0f);
                }
            }
            System.out.println("read heap segments, " + sum);
        }
    }
}
