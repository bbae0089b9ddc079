package org.sparkqwen.job.progress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/// The share of time that the last part of the work took.
class PaceTest {
    @Test
    void evenWorkTakesEvenTime() {
        Pace pace = new Pace();
        for (int second = 0; second <= 100; second++) {
            pace.add(Duration.ofSeconds(second), 500 + 7L * second);
        }
        assertThat(pace.timeOfLast(0.05)).isCloseTo(0.05, within(1e-9));
        assertThat(pace.timeOfLast(1)).isEqualTo(1);
    }

    @Test
    void anEndThatDragsOnIsSeen() {
        Pace pace = new Pace();
        pace.add(Duration.ofSeconds(1), 0);
        pace.add(Duration.ofSeconds(60), 960);
        pace.add(Duration.ofSeconds(100), 1000);
        assertThat(pace.timeOfLast(0.05)).isCloseTo(0.4, within(1e-9));
    }

    @Test
    void aRunOfDaysIsMeasuredAsWell() {
        Pace pace = new Pace();
        for (int step = 0; step <= 200_000; step++) {
            pace.add(Duration.ofMillis(500L * step), step < 150_000 ? 3L * step : 450_000 + step - 150_000);
        }
        assertThat(pace.timeOfLast(0.05)).isCloseTo(0.125, within(0.001));
    }

    @Test
    void whatAFailedTaskHadCountedIsNoWork() {
        Pace pace = new Pace();
        pace.add(Duration.ofSeconds(1), 900);
        pace.add(Duration.ofSeconds(2), 800);
        assertThat(pace.timeOfLast(0.05)).isZero();
    }

    @Test
    void nothingDoneTakesNoTime() {
        assertThat(new Pace().timeOfLast(0.05)).isZero();
        Pace pace = new Pace();
        pace.add(Duration.ofSeconds(3), 8);
        assertThat(pace.timeOfLast(0.05)).isZero();
    }
}
