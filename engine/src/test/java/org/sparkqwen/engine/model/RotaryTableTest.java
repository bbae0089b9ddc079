package org.sparkqwen.engine.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.HostBuffers;

class RotaryTableTest {
    /// The form that is published for Qwen3: 4 times 32,768 positions.
    private static final Rope.Yarn YARN = new Rope.Yarn(1e6, 4, 32_768, 0.1 * StrictMath.log(4) + 1, 32, 1, true);

    private static final int HEAD_DIM = 128;

    @Test
    void plainFrequenciesFallGeometricallyFromOne() {
        assertThat(RotaryTable.frequencies(new Rope.Plain(10_000), 8)).containsExactly(1f, 0.1f, 0.01f, 0.001f);
        // The pair in the middle has theta^(−1/2) = 1e-3, and the last one has theta^(−126/128).
        float[] frequencies = RotaryTable.frequencies(new Rope.Plain(1e6), HEAD_DIM);
        assertThat(frequencies).hasSize(64);
        assertThat(frequencies[0]).isEqualTo(1f);
        assertThat(frequencies[32]).isCloseTo(1e-3f, within(1e-10f));
        assertThat(frequencies[63]).isCloseTo(1.2409378e-6f, within(1e-12f));
    }

    @Test
    void theTableHoldsCosinesAndSinesOfPositionTimesFrequency() {
        try (RotaryTable table = new RotaryTable(new Rope.Plain(10_000), 4, HostBuffers::new)) {
            table.reserve(3);
            assertThat(at(table.cosines(), 0, 2)).containsExactly(1f, 1f);
            assertThat(at(table.sines(), 0, 2)).containsExactly(0f, 0f);
            // Position 2 is 2 radians and 0.02 radians.
            assertThat(at(table.cosines(), 2, 2)[0]).isCloseTo(-0.416147f, within(1e-6f));
            assertThat(at(table.cosines(), 2, 2)[1]).isCloseTo(0.9998f, within(1e-6f));
            assertThat(at(table.sines(), 2, 2)[0]).isCloseTo(0.909297f, within(1e-6f));
            assertThat(at(table.sines(), 2, 2)[1]).isCloseTo(0.0199987f, within(1e-6f));
        }
    }

    @Test
    void growingKeepsTheFirstPositions() {
        try (RotaryTable table = new RotaryTable(YARN, HEAD_DIM, HostBuffers::new)) {
            table.reserve(10);
            float[] before = at(table.cosines(), 9, 64);
            table.reserve(5000);
            assertThat(at(table.cosines(), 9, 64)).isEqualTo(before);
            assertThat(at(table.sines(), 4999, 64)).doesNotContain(Float.NaN);
            table.reserve(1);
            assertThat(at(table.sines(), 4999, 64)).doesNotContain(Float.NaN);
        }
    }

    /// Pair i turns 32,768 · theta^(−i/64) / 2π times within the trained context. That is 32 times or more up
    /// to pair 23.6, and less than once from pair 39.7 on. So the blend goes from 23 to 40.
    @Test
    void yarnLeavesFastPairsAndDividesSlowOnesByItsFactor() {
        float[] plain = RotaryTable.frequencies(new Rope.Plain(1e6), HEAD_DIM);
        float[] yarn = RotaryTable.frequencies(YARN, HEAD_DIM);
        for (int pair = 0; pair < 64; pair++) {
            if (pair <= 23) {
                assertThat(yarn[pair]).as("pair %d", pair).isEqualTo(plain[pair]);
            } else if (pair >= 40) {
                assertThat(yarn[pair]).as("pair %d", pair).isEqualTo(plain[pair] / 4);
            } else {
                assertThat(yarn[pair]).as("pair %d", pair).isBetween(plain[pair] / 4, plain[pair]);
            }
        }
        // Pair 30 is 7 of 17 steps on the way.
        float interpolated = 7f / 17;
        assertThat(yarn[30]).isCloseTo(plain[30] * (1 - interpolated + interpolated / 4), within(plain[30] * 1e-6f));
    }

    @Test
    void yarnScalesCosinesAndSinesByItsAttentionFactor() {
        try (RotaryTable table = new RotaryTable(YARN, HEAD_DIM, HostBuffers::new)) {
            table.reserve(1);
            assertThat(at(table.cosines(), 0, 64)[5]).isEqualTo(1.1386294f); // 0.1 ln 4 + 1
            assertThat(at(table.sines(), 0, 64)[5]).isZero();
        }
    }

    private static float[] at(MemorySegment table, int position, int half) {
        return table.asSlice((long) position * half * Float.BYTES, (long) half * Float.BYTES)
                .toArray(JAVA_FLOAT);
    }
}
