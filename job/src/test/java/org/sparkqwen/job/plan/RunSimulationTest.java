package org.sparkqwen.job.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.sparkqwen.job.input.Balance;

/// The simulation of a run, where its time is known by arithmetic, and the shape of what it says elsewhere.
class RunSimulationTest {
    private static Workload work(long files, long rows) {
        return new Workload(files, rows * 4000, rows, 1000, 0, 100, 8L << 30, Workload.Distribution.SHARED);
    }

    private static Cluster cluster(int hosts) {
        return new Cluster(hosts, 1, 16, 1.25e9, 0, 0);
    }

    @Test
    void equalRowsOnEqualHostsTakeTheirTokensAtTheSpeedOfAllCores() {
        RunSimulation.Course course = RunSimulation.of(work(100, 500_000), cluster(10), 1);
        double seconds = 500_000 * 1000.0 / (10 * 16 * 100);
        assertThat(course.seconds()).isCloseTo(seconds, within(0.03 * seconds));
        assertThat(course.unused()).isBetween(0.0, 0.03);
        assertThat(course.lost()).isZero();
        assertThat(course.intervals()).isBetween(seconds / 600, seconds / 600 + 5);
    }

    @Test
    void aModelThatIsCopiedDelaysTheFirstRows() {
        Workload shared = work(100, 500_000);
        Workload fetched =
                new Workload(100, shared.bytes(), 500_000, 1000, 0, 100, 8L << 30, Workload.Distribution.FETCH);
        double copy = (8L << 30) / 1.25e9;
        assertThat(RunSimulation.of(fetched, cluster(10), 1).firstRows())
                .isCloseTo(RunSimulation.of(shared, cluster(10), 1).firstRows() + copy, within(1.0));
    }

    @Test
    void aThousandExecutorsHaveBoundedTasksAndUseMostOfTheirTime() {
        Cluster cluster = new Cluster(1000, 1, 64, 1.25e9, 0.1, 0);
        RunSimulation.Course course = RunSimulation.of(
                new Workload(20_000, 4L << 40, 1_000_000_000, 1000, 1500, 10, 8L << 30, Workload.Distribution.SHARED),
                cluster,
                1);
        assertThat(course.tasks()).isLessThanOrEqualTo(5 * Balance.MOST_IN_A_ROUND);
        assertThat(cluster.coresOfTask()).isEqualTo(4);
        assertThat(course.unused()).isLessThan(0.2);
    }

    @Test
    void lostExecutorsCostTime() {
        Workload work = work(100, 500_000);
        RunSimulation.Course calm = RunSimulation.of(work, cluster(10), 1);
        RunSimulation.Course losing = RunSimulation.of(work, new Cluster(10, 1, 16, 1.25e9, 0, 20), 1);
        assertThat(losing.lost()).isCloseTo(20 * losing.seconds() / 3600, within(80.0));
        assertThat(losing.seconds()).isGreaterThan(calm.seconds());
    }

    @Test
    void theDriversHeapGrowsWithTheFiles() {
        double few = RunSimulation.of(work(1000, 100_000), cluster(2), 1).driverHeap();
        double many =
                RunSimulation.of(work(1_000_000, 1_000_000), cluster(2), 1).driverHeap();
        assertThat(many - few).isCloseTo(999_000 * RunSimulation.FILE_HEAP, within(1.0));
    }

    @Test
    void whatCannotBeIsRefusedInOneLine() {
        assertThatThrownBy(() -> new Cluster(0, 1, 1, 1, 0, 0)).hasMessageContaining("at least 1");
        assertThatThrownBy(() -> new Cluster(100_000, 1, 4, 1, 0, 0)).hasMessageContaining("at most 5,000 executors");
        assertThatThrownBy(() -> new Cluster(1, 8, 4, 1, 0, 0)).hasMessageContaining("8 executors a host");
        assertThatThrownBy(() -> new Cluster(1, 1, 4, 0, 0, 0)).hasMessageContaining("bandwidth");
        assertThatThrownBy(() -> work(1, 0)).hasMessageContaining("no rows");
    }
}
