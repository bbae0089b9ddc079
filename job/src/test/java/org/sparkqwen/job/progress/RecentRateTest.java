package org.sparkqwen.job.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RecentRateTest {
    private final RecentRate rate = new RecentRate(1_000_000);

    @Test
    void whatWasDoneBeforeTheBeginningIsNoPartOfIt() {
        assertThat(rate.perSecond(Duration.ZERO)).isZero();
        assertThat(rate.perSecond(Duration.ofSeconds(5))).isZero();
        add(10, 500);
        assertThat(rate.perSecond(Duration.ofSeconds(10))).isEqualTo(50);
    }

    @Test
    void isThatOfTheLastMinute() {
        for (int second = 1; second <= 600; second++) {
            add(second, 10L * second);
        }
        for (int second = 601; second <= 700; second++) {
            add(second, 6000 + 200L * (second - 600));
        }
        assertThat(rate.perSecond(Duration.ofSeconds(700))).isBetween(199.0, 201.0);
    }

    @Test
    void doesNotFallToNothingBetweenBursts() {
        add(300, 60_000);
        assertThat(rate.perSecond(Duration.ofSeconds(301))).isBetween(199.0, 200.0);
        add(420, 60_000);
        assertThat(rate.perSecond(Duration.ofMinutes(7))).isBetween(142.0, 143.0);
        add(600, 120_000);
        assertThat(rate.perSecond(Duration.ofMinutes(10))).isEqualTo(200);
    }

    @Test
    void isNeverNegativeWhenATaskFailsAndItsTokensAreGone() {
        add(10, 500);
        add(100, 100);
        assertThat(rate.perSecond(Duration.ofSeconds(100))).isNotNegative();
    }

    private void add(long second, long done) {
        rate.add(Duration.ofSeconds(second), 1_000_000 + done);
    }
}
