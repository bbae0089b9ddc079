package org.sparkqwen.engine.kernels.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.ScalarMath;

/// The errors of exp, silu and softmax compared with `StrictMath` in double, in ulp of the exact result as a
/// float. The limits are those that [ScalarMath] and docs/numerics.md state. Vectors give the same bits
/// everywhere, and a NaN is a NaN.
class ScalarMathTest {
    /// The distance of the bit patterns of a sweep, which takes seventeen million of the 2³². It is prime, so
    /// the patterns have all exponents and all kinds of mantissa, and include subnormals and NaN.
    private static final int STRIDE = 251;

    /// Places at which something changes or might change. Every float near them is checked.
    private static final float[] EDGES = {
        0f,
        Float.MIN_NORMAL,
        1f,
        -1f,
        0.3465736f,
        -0.3465736f,
        -87.33654f,
        88.72284f,
        -88.72284f,
        -103.97208f,
        ScalarMath.EXP_MIN,
        ScalarMath.EXP_MAX,
        Float.MAX_VALUE,
        -Float.MAX_VALUE
    };

    private static final int NEARBY = 4096;
    private static final int LANES = OuterProduct.LANES;

    /// e to a greater power is infinite as a float, so silu of less than the negative of this number is −0.
    private static final double LOG_OF_MAX_VALUE = 88.722839;

    @Test
    void expIsWithinTheStatedUlp() {
        Worst worst = new Worst("exp");
        sweep(ScalarMath::exp, VectorMath::exp, (x, actual) -> worst.compare(x, actual, StrictMath.exp(x)));
        worst.print();
        assertThat(worst.normal).isLessThanOrEqualTo(0.98);
        assertThat(worst.subnormal).isLessThanOrEqualTo(0.76);
    }

    @Test
    void siluIsWithinTheStatedUlp() {
        Worst worst = new Worst("silu");
        DoubleUnaryOperator silu = x -> x / (1 + StrictMath.exp(-x));
        sweep(x -> ScalarMath.swiGlu(x, 1f), VectorCode.silu(), (x, actual) -> {
            if (x < -LOG_OF_MAX_VALUE && x > Float.NEGATIVE_INFINITY) {
                assertThat(Math.abs(actual - silu.applyAsDouble(x)))
                        .as("silu(%s)", x)
                        .isLessThan(3e-37);
            } else {
                worst.compare(x, actual, silu.applyAsDouble(x));
            }
        });
        worst.print();
        assertThat(worst.normal).isLessThanOrEqualTo(2.25);
        assertThat(worst.subnormal).isLessThanOrEqualTo(0.5);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1",
        "-0.0, 1",
        "-104, 0",
        "-1e30, 0",
        "-Infinity, 0",
        "100, Infinity",
        "Infinity, Infinity",
        "NaN, NaN"
    })
    void expHasTheseValuesAtTheEdges(float x, float expected) {
        assertThat(Float.valueOf(ScalarMath.exp(x))).isEqualTo(Float.valueOf(expected));
    }

    /// The softmax is measured through attention whose values are unit vectors, so its outputs are the
    /// probabilities. The error is mostly that of score − maximum, which every softmax in float32 has: half
    /// an ulp of a difference of 40 is 16 to 32 ulp of its exp.
    @ParameterizedTest
    @CsvSource({"1, 8, 0", "31, 1, 9", "32, 1, 9", "64, 1, 9", "33, 8, 35", "64, 8, 35"})
    void softmaxIsWithinTheStatedUlp(int keys, float spread, double limit) {
        AttentionShape shape = new AttentionShape(1, 1, 64);
        Random random = new Random(keys);
        Worst worst = new Worst("softmax of %d scores with a standard deviation of %.0f".formatted(keys, spread));
        List<Kernels> all = BackEnds.create(1);
        try {
            for (int round = 0; round < 500; round++) {
                float[] scores = new float[keys];
                for (int i = 0; i < keys; i++) {
                    scores[i] = spread * (float) random.nextGaussian();
                }
                float[] probabilities = softmax(all.getFirst(), shape, scores);
                for (Kernels kernels : all) {
                    assertThat(softmax(kernels, shape, scores)).isEqualTo(probabilities);
                }
                double[] exact = softmax(scores);
                for (int i = 0; i < keys; i++) {
                    worst.compare(scores[i], probabilities[i], exact[i]);
                }
            }
        } finally {
            all.forEach(Kernels::close);
        }
        worst.print();
        assertThat(worst.normal).isLessThanOrEqualTo(limit);
    }

    private static float[] softmax(Kernels kernels, AttentionShape shape, float[] scores) {
        int width = shape.headDim();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment queries = arena.allocate(JAVA_FLOAT, (long) scores.length * width);
            MemorySegment keys = arena.allocate(JAVA_FLOAT, (long) scores.length * width);
            MemorySegment values = arena.allocate(JAVA_FLOAT, (long) scores.length * width);
            for (int i = 0; i < scores.length; i++) {
                queries.setAtIndex(JAVA_FLOAT, (long) i * width, 1f);
                keys.setAtIndex(JAVA_FLOAT, (long) i * width, scores[i]);
                values.setAtIndex(JAVA_FLOAT, (long) i * width + i, 1f);
            }
            List<MemorySegment> blocks = List.of(
                    arena.allocate(KeyValueBlock.bytes(shape, KeyValueFormat.F32), Float.BYTES),
                    arena.allocate(KeyValueBlock.bytes(shape, KeyValueFormat.F32), Float.BYTES));
            List<AttentionSpan> spans = List.of(new AttentionSpan(0, scores.length, 0, KeyValueFormat.F32, blocks));
            kernels.storeKeyValues(shape, spans, keys, values);
            MemorySegment out = arena.allocate(JAVA_FLOAT, (long) scores.length * width);
            kernels.attention(shape, spans, queries, out, 1f);
            return out.asSlice((scores.length - 1L) * width * Float.BYTES, (long) scores.length * Float.BYTES)
                    .toArray(JAVA_FLOAT);
        }
    }

    private static double[] softmax(float[] scores) {
        double[] exact = new double[scores.length];
        double maximum = Double.NEGATIVE_INFINITY;
        for (float score : scores) {
            maximum = Math.max(maximum, score);
        }
        double sum = 0;
        for (int i = 0; i < scores.length; i++) {
            exact[i] = StrictMath.exp(scores[i] - maximum);
            sum += exact[i];
        }
        for (int i = 0; i < scores.length; i++) {
            exact[i] /= sum;
        }
        return exact;
    }

    private interface FloatFunction {
        float of(float x);
    }

    /// Vector code in a class of its own, because whoever looks for tests lists the methods of this class, perhaps
    /// in a JVM without the vector module.
    private static final class VectorCode {
        static UnaryOperator<FloatVector> silu() {
            FloatVector one = FloatVector.broadcast(OuterProduct.FLOATS, 1f);
            return x -> VectorMath.swiGlu(x, one);
        }
    }

    private interface Comparison {
        void with(float x, float actual);
    }

    /// Compares floats of all kinds, a vector of them at a time, in scalar and in vector code.
    private static void sweep(FloatFunction scalar, UnaryOperator<FloatVector> vector, Comparison comparison) {
        float[] x = new float[LANES];
        float[] y = new float[LANES];
        for (long bits = 0; bits < 1L << 32; bits += (long) STRIDE * LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                x[lane] = Float.intBitsToFloat((int) (bits + (long) lane * STRIDE));
            }
            look(x, y, scalar, vector, comparison);
        }
        for (float edge : EDGES) {
            for (int nearby = -NEARBY; nearby < NEARBY; nearby += LANES) {
                for (int lane = 0; lane < LANES; lane++) {
                    x[lane] = Float.intBitsToFloat(Float.floatToRawIntBits(edge) + nearby + lane);
                }
                look(x, y, scalar, vector, comparison);
            }
        }
    }

    private static void look(
            float[] x, float[] y, FloatFunction scalar, UnaryOperator<FloatVector> vector, Comparison comparison) {
        vector.apply(FloatVector.fromArray(OuterProduct.FLOATS, x, 0)).intoArray(y, 0);
        for (int lane = 0; lane < LANES; lane++) {
            float actual = scalar.of(x[lane]);
            if (Float.floatToIntBits(y[lane]) != Float.floatToIntBits(actual)) {
                assertThat(y[lane]).as("vector code, of %s", x[lane]).isEqualTo(actual);
            }
            comparison.with(x[lane], actual);
        }
    }

    /// The greatest errors so far in ulp, for normal and for subnormal exact results.
    private static final class Worst {
        private final String name;
        private double normal;
        private float normalAt;
        private double subnormal;
        private float subnormalAt;

        Worst(String name) {
            this.name = name;
        }

        void compare(float x, float actual, double exact) {
            float rounded = (float) exact;
            if (!Float.isFinite(rounded) || !Float.isFinite(actual)) {
                if (Float.floatToIntBits(actual) != Float.floatToIntBits(rounded)) {
                    assertThat(actual).as("%s of %s", name, x).isEqualTo(rounded);
                }
                return;
            }
            double error = Math.abs(actual - exact) / Math.ulp(rounded);
            if (Math.abs(rounded) >= Float.MIN_NORMAL) {
                if (error > normal) {
                    normal = error;
                    normalAt = x;
                }
            } else if (error > subnormal) {
                subnormal = error;
                subnormalAt = x;
            }
        }

        void print() {
            System.out.printf(
                    "%s: at most %.3f ulp (of %s), where subnormal %.3f (of %s)%n",
                    name, normal, normalAt, subnormal, subnormalAt);
        }
    }
}
