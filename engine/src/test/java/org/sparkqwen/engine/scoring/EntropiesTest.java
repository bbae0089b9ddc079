package org.sparkqwen.engine.scoring;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EntropiesTest {
    private static final double NOT_SCORED = Double.NaN;

    @Test
    void averagesScoredPositionsAlone() {
        Entropies entropies = Entropies.of(
                new double[] {NOT_SCORED, -1, -6, -3}, new double[] {0, -2, -4, -3}, new double[] {0, 0.5, 2, 1}, 40);
        assertThat(entropies.mean()).isEqualTo(3);
        assertThat(entropies.ofTokens()).containsExactly(NOT_SCORED, 2, 4, 3);
        assertThat(entropies.minKPlusPlus()).isEqualTo(-1); // of -1, 0 and 2
    }

    @Test
    void aDocumentOfWhichNothingWasScoredHasNoFigures() {
        Entropies entropies = Entropies.of(new double[] {NOT_SCORED}, new double[1], new double[1], 20);
        assertThat(entropies.mean()).isNull();
        assertThat(entropies.minKPlusPlus()).isNull();
        assertThat(entropies.ofTokens()).containsExactly(NOT_SCORED);
    }

    /// In a flat distribution every token is as likely as the mean, up to rounding. In a certain one, another token
    /// is as surprising as can be.
    @Test
    void distributionsWithoutSpreadGiveFiniteNumbers() {
        double flat = -Math.log(1000);
        assertThat(Entropies.of(new double[] {flat + 1e-15}, new double[] {flat}, new double[1], 20)
                        .minKPlusPlus())
                .isBetween(0.0, 0.01);
        assertThat(Entropies.of(new double[] {-200}, new double[1], new double[1], 20)
                        .minKPlusPlus())
                .isEqualTo(-200 / 1e-12);
        assertThat(Entropies.of(new double[] {0}, new double[] {1e-18}, new double[1], 20)
                        .mean())
                .isZero();
    }
}
