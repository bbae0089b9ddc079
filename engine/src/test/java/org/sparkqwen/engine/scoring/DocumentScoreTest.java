package org.sparkqwen.engine.scoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;

class DocumentScoreTest {
    private static final double NOT_SCORED = Double.NaN;

    @Test
    void sumsWhatWasScoredAndCountsIt() {
        DocumentScore score = DocumentScore.of(new double[] {NOT_SCORED, -1, -0.5, NOT_SCORED, -4}, 20);
        assertThat(score.sumNll()).isEqualTo(5.5);
        assertThat(score.tokensScored()).isEqualTo(3);
        assertThat(score.tokenLogProbabilities()).containsExactly(NOT_SCORED, -1, -0.5, NOT_SCORED, -4);
    }

    @Test
    void aDocumentOfWhichNothingWasScoredHasNoMinK() {
        for (double[] nothing : new double[][] {{}, {NOT_SCORED}, {NOT_SCORED, NOT_SCORED}}) {
            DocumentScore score = DocumentScore.of(nothing, 20);
            assertThat(score.sumNll()).isZero();
            assertThat(score.tokensScored()).isZero();
            assertThat(score.minKProb()).isNull();
        }
    }

    @Test
    void addsInTheOrderOfTokens() {
        // 0.1 + 0.2 + 0.3 in double: another order gives another last bit
        assertThat(DocumentScore.of(new double[] {-0.1, -0.2, -0.3}, 20).sumNll())
                .isEqualTo(0.1 + 0.2 + 0.3);
        assertThat(DocumentScore.of(new double[] {-0.3, -0.2, -0.1}, 20).sumNll())
                .isEqualTo(0.3 + 0.2 + 0.1)
                .isNotEqualTo(0.1 + 0.2 + 0.3);
    }

    /// The log-probabilities are −1 … −10, not in order.
    @ParameterizedTest
    @CsvSource({"20, -9.5", "10, -10", "9.9, -10", "0.001, -10", "19.9, -10", "50, -8", "59, -8", "100, -5.5"})
    void minKIsTheMeanOfTheLeastLikelyPercentAndOfOneAtLeast(double percent, double expected) {
        double[] values = {-3, -10, NOT_SCORED, -1, -7, -5, -2, -9, -8, -4, -6};
        assertThat(DocumentScore.of(values, percent).minKProb()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, 100.1, Double.NaN, Double.POSITIVE_INFINITY})
    void aPercentageThatIsNoneIsRefused(double percent) {
        assertThatThrownBy(() -> new ScoringOptions(new Windows.Strided(8, 4), Prefix.EOS, percent))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("min-k must be above 0 and at most 100 percent, not " + percent);
    }
}
