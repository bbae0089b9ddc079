package org.sparkqwen.engine.quantized;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// A weight stays in bfloat16 only if each of its values is one, whatever the codes are.
class RangeTest {
    private static final float[] FLOATS8 = new float[256];

    static {
        for (int bits = 0; bits < FLOATS8.length; bits++) {
            FLOATS8[bits] = Float8.value((byte) bits);
        }
    }

    @Test
    void valuesOfScalesThatStayAreBfloat16() {
        Random random = new Random(29);
        int stay = 0;
        int many = 20_000;
        for (int round = 0; round < many; round++) {
            float scale = scale(random);
            stay += check(Codes.Range.FLOAT8, FLOATS8, scale);
            stay += check(Codes.Range.signed(4), integers(-8, 7), scale);
            stay += check(Codes.Range.signed(8), integers(-128, 127), scale);
            stay += check(Codes.Range.differences(4), integers(-15, 15), scale);
            stay += check(Codes.Range.differences(8), integers(-255, 255), scale);
        }
        assertThat(stay).isBetween(many, 4 * many);
    }

    /// A random float, of which most have few significant bits, and some are subnormal or so large that values
    /// overflow.
    private static float scale(Random random) {
        int significand = random.nextInt(1 << (1 + random.nextInt(10)));
        int exponent = random.nextInt(6) == 0 ? -149 + random.nextInt(30) : -140 + random.nextInt(268);
        return Math.scalb((float) significand, exponent) * (random.nextBoolean() ? 1 : -1);
    }

    /// Returns 1 if the scale stays, after it has checked all values.
    private static int check(Codes.Range range, float[] codes, float scale) {
        if (!Float.isFinite(scale) || !range.staysBfloat16(scale)) {
            return 0;
        }
        for (float code : codes) {
            float value = code * scale;
            if (!Float.isNaN(code)
                    && (value != (double) code * scale || (Float.floatToRawIntBits(value) & 0xffff) != 0)) {
                throw new AssertionError("%s * %s is no bfloat16".formatted(code, scale));
            }
        }
        return 1;
    }

    @Test
    void aScaleWithMoreDigitsDoesNotStay() {
        assertThat(Codes.Range.signed(8).staysBfloat16(0.1f)).isFalse();
        assertThat(Codes.Range.differences(8).staysBfloat16(3)).isFalse();
        assertThat(Codes.Range.FLOAT8.staysBfloat16(0x1.08p-3f)).isFalse();
        assertThat(Codes.Range.FLOAT8.staysBfloat16(0x1p-130f)).isFalse();
        assertThat(Codes.Range.FLOAT8.staysBfloat16(0x1p120f)).isFalse();
    }

    private static float[] integers(int from, int to) {
        float[] all = new float[to - from + 1];
        IntStream.range(0, all.length).forEach(i -> all[i] = from + i);
        return all;
    }
}
