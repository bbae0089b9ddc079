package org.sparkqwen.job.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SharedPathProbeTest {
    @Test
    void aLargeClusterIsLookedAtByFewTasksOfEachExecutor() {
        assertThat(SharedPathProbe.tasks(8, 3)).isEqualTo(32);
        assertThat(SharedPathProbe.tasks(64_000, 1001)).isEqualTo(16_016);
    }
}
