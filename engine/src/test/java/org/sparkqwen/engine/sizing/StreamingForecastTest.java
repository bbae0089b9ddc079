package org.sparkqwen.engine.sizing;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.model.StreamingPlan.Part;

/// The forecast that a person gets for a model that is larger than memory.
class StreamingForecastTest {
    private static final long GB = 1_000_000_000;
    private static final StreamingPlan PLAN =
            new StreamingPlan(List.of(new Part(0, GB, GB), new Part(GB, 3 * GB, 11 * GB)), 10 * GB, true);

    @Test
    void aBatchTakesAsLongAsTheDiskReadsWhatDoesNotStay() {
        assertThat(forecast(OptionalDouble.of(2 * GB)).diskSeconds()).hasValue(4);
    }

    /// In 4 s, 200 GFLOP/s compute 800 tokens of 1 GFLOP.
    @Test
    void aBatchOfMoreTokensThanThatIsBoundByArithmetic() {
        assertThat(forecast(OptionalDouble.of(2 * GB)).tokensAsLongAsTheDisk()).hasValue(1024);
        assertThat(forecast(OptionalDouble.of(8 * GB)).tokensAsLongAsTheDisk()).hasValue(256);
    }

    @Test
    void aDiskThatCannotBeMeasuredGivesNoForecast() {
        assertThat(forecast(OptionalDouble.empty()).diskSeconds()).isEmpty();
        assertThat(forecast(OptionalDouble.empty()).tokensAsLongAsTheDisk()).isEmpty();
    }

    private static StreamingForecast forecast(OptionalDouble diskRate) {
        return new StreamingForecast(PLAN, diskRate, 200e9, GB);
    }
}
