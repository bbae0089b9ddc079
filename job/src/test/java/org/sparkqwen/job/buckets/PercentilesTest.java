package org.sparkqwen.job.buckets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Percentiles as a person writes them, and their ranks.
class PercentilesTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"30,60 | 30,60", " 30.0, 60.50 | 30,60.5", "1,99 | 1,99", "0.5,99.999999999 | 0.5,99.999999999"})
    void percentilesHaveOneForm(String text, String form) {
        assertThat(Percentiles.parse(text)).hasToString(form).isEqualTo(Percentiles.parse(form));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "30",
                "30,60,90",
                "60,30",
                "30,30",
                "30,30.0",
                "0,60",
                "30,100",
                "-1,60",
                "30,1e1",
                "a,b",
                "30;60",
                "NaN,60",
                "0.0,1"
            })
    void othersAreRefused(String text) {
        assertThatThrownBy(() -> Percentiles.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not two percentiles A,B with 0 < A < B < 100");
    }

    @ParameterizedTest
    @CsvSource({"30, 1, 1", "30, 10, 3", "30, 11, 4", "99.9, 10, 10", "0.1, 1000, 1", "0.1, 1001, 2"})
    void theRankIsTheNearestThatIsNotBelow(BigDecimal percent, long values, long rank) {
        assertThat(Percentiles.rank(percent, values)).isEqualTo(rank);
    }

    /// 0.07 * 100 is above 7 in binary fractions, which would be the next rank.
    @Test
    void ranksAreExact() {
        assertThat(Percentiles.rank(new BigDecimal("7"), 100)).isEqualTo(7);
        assertThat(Percentiles.rank(new BigDecimal("7"), 9_000_000_000_000_000_000L))
                .isEqualTo(630_000_000_000_000_000L);
    }
}
