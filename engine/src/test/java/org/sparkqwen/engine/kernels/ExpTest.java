package org.sparkqwen.engine.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExpTest {
    /// Bits between two floats that the sweep looks at; prime, so that it meets all kinds of mantissa.
    private static final int STEP = 997;

    @Test
    void isWithinOneUlpOfStrictMathWhereTheResultIsNormal() {
        double worst = 0;
        for (float magnitude = 1e-10f; magnitude < 88.7f; magnitude = next(magnitude)) {
            for (float x : new float[] {magnitude, -magnitude}) {
                double exact = StrictMath.exp(x);
                if (exact >= Float.MIN_NORMAL && exact <= Float.MAX_VALUE) {
                    worst = Math.max(worst, Math.abs(ScalarMath.exp(x) - exact) / Math.ulp((float) exact));
                }
            }
        }
        assertThat(worst).isLessThan(1.0);
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
    void hasTheseValuesAtTheEdges(float x, float expected) {
        assertThat(Float.valueOf(ScalarMath.exp(x))).isEqualTo(Float.valueOf(expected));
    }

    @Test
    void vectorsGiveTheScalarBits() {
        float[] x = new float[OuterProduct.LANES];
        float[] y = new float[OuterProduct.LANES];
        for (float magnitude = 1e-10f; magnitude < 200f; magnitude = next(next(magnitude))) {
            for (int lane = 0; lane < x.length; lane++) {
                x[lane] = (lane % 2 == 0 ? magnitude : -magnitude) * (1 + lane * 0.01f);
            }
            VectorMath.exp(FloatVector.fromArray(OuterProduct.FLOATS, x, 0)).intoArray(y, 0);
            for (int lane = 0; lane < x.length; lane++) {
                if (Float.floatToRawIntBits(y[lane]) != Float.floatToRawIntBits(ScalarMath.exp(x[lane]))) {
                    assertThat(y[lane]).as("exp(%s)", x[lane]).isEqualTo(ScalarMath.exp(x[lane]));
                }
            }
        }
    }

    private static float next(float x) {
        return Float.intBitsToFloat(Float.floatToRawIntBits(x) + STEP);
    }
}
