package org.sparkqwen.job.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The spread of a model by broadcast, between what is possible and what a driver alone would need.
class ModelSpreadTest {
    private static final long MODEL = 800 * ModelSpread.PIECE;
    private static final double SECOND = 8 * ModelSpread.PIECE; // bytes a second

    @Test
    void oneHostGetsTheModelAtItsBandwidth() {
        assertThat(ModelSpread.byBroadcast(MODEL, 1, SECOND, 1)).hasSize(1);
        assertThat(ModelSpread.byBroadcast(MODEL, 1, SECOND, 1)[0]).isCloseTo(100, within(0.1));
        assertThat(ModelSpread.byBroadcast(1000, 1, 1000, 1)[0]).isCloseTo(1, within(0.01));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 10, 100})
    void hostsServeEachOther(int hosts) {
        double last = Arrays.stream(ModelSpread.byBroadcast(MODEL, hosts, SECOND, 1))
                .max()
                .orElseThrow();
        assertThat(last).isBetween(100.0, Math.min(100.0 * hosts + 1, 600.0));
    }

    @Test
    void theSameSeedGivesTheSameTimes() {
        assertThat(ModelSpread.byBroadcast(MODEL, 20, SECOND, 5))
                .isEqualTo(ModelSpread.byBroadcast(MODEL, 20, SECOND, 5));
    }
}
