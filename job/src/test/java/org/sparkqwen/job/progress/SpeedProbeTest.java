package org.sparkqwen.job.progress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.LocalSpark;

class SpeedProbeTest {
    private static final long PERIOD_MILLIS = 20;
    private static final long TOKENS_A_PERIOD = 10;

    private final SparkSession spark = LocalSpark.session();

    /// Runs two tasks which count 500 tokens a second each, in the rhythm of a clock, for so many periods.
    private static void count(SparkSession spark, LongAccumulator tokens, int periods) {
        spark.range(0, 2, 1, 2).foreachPartition((ForeachPartitionFunction<Long>) _ -> {
            long start = System.currentTimeMillis();
            for (int period = 1; period <= periods; period++) {
                Thread.sleep(Math.max(0, start + period * PERIOD_MILLIS - System.currentTimeMillis()));
                tokens.add(TOKENS_A_PERIOD);
            }
        });
    }

    @Test
    @Tag("slow")
    void theSpeedOfTasksIsMeasuredAndTheyAreCancelled() {
        Counters counters = Counters.register(spark);
        LongAccumulator tokens = counters.tokens();
        long start = System.nanoTime();
        SpeedProbe.Speed speed = SpeedProbe.measure(
                spark, counters, () -> count(spark, tokens, 100_000), Duration.ofMillis(100), Duration.ofMillis(3500));
        assertThat(speed.tokensPerSecond()).isCloseTo(1000, within(150.0));
        assertThat(speed.whole()).isFalse();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
        assertThat(spark.sparkContext().statusTracker().getActiveStageIds()).isEmpty();
    }

    @Test
    void tasksThatAreDoneSoonAreMeasuredWhole() {
        Counters counters = Counters.register(spark);
        LongAccumulator tokens = counters.tokens();
        SpeedProbe.Speed speed = SpeedProbe.measure(spark, counters, () -> count(spark, tokens, 25));
        assertThat(speed.whole()).isTrue();
        assertThat(tokens.value()).isEqualTo(500);
        assertThat(speed.tokensPerSecond()).isCloseTo(500 / speed.seconds(), within(1e-6));
    }

    @Test
    void theFailureOfATaskIsOneLine() {
        Counters counters = Counters.register(spark);
        assertThatThrownBy(() -> SpeedProbe.measure(
                        spark,
                        counters,
                        () -> spark.range(1).foreachPartition((ForeachPartitionFunction<Long>) _ -> {
                            throw new IllegalStateException("no such luck");
                        })))
                .hasMessageStartingWith("the speed cannot be measured: ")
                .hasMessageContaining("no such luck")
                .hasMessageNotContaining("\n");
    }
}
