package org.sparkqwen.job.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The simulation of an interval, where arithmetic tells what must come out.
class IntervalSimulationTest {
    private static final double NO_DRIVER = 1e12; // tasks that start in no time

    private static IntervalSimulation.Executors executors(int count, int slots) {
        double[] rates = new double[count];
        Arrays.fill(rates, 1);
        return new IntervalSimulation.Executors(rates, new double[count], slots, 0, 0);
    }

    private static double[] equal(int count, double tokens) {
        double[] all = new double[count];
        Arrays.fill(all, tokens);
        return all;
    }

    private static IntervalSimulation.Course course(double[] tasks, IntervalSimulation.Executors executors) {
        return IntervalSimulation.of(tasks, executors, NO_DRIVER, new SplittableRandom(1));
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "7, 3", "12, 4", "1000, 7", "5, 8"})
    void equalTasksTakeAsManyRoundsAsThereAreTasksForEachExecutor(int tasks, int executors) {
        IntervalSimulation.Course course = course(equal(tasks, 10), executors(executors, 1));
        double seconds = Math.ceilDiv(tasks, executors) * 10.0;
        assertThat(course.seconds()).isCloseTo(seconds, within(1e-6));
        assertThat(course.unused()).isCloseTo(1 - tasks * 10 / (seconds * executors), within(1e-6));
        assertThat(course.started()).isEqualTo(tasks);
    }

    @Test
    void tasksOfAnExecutorShareItsSpeed() {
        assertThat(course(equal(8, 10), executors(2, 4)).seconds()).isCloseTo(40, within(1e-6));
        // Two tasks of 1 and 3 tokens side by side are done after 2 and 4 seconds, as one after the other would be.
        assertThat(course(new double[] {1, 3}, executors(1, 2)).seconds()).isCloseTo(4, within(1e-6));
    }

    @Test
    void oneSlowExecutorEndsLastWithItsOnlyTask() {
        IntervalSimulation.Executors executors = executors(10, 1);
        executors.rates()[3] = 0.1;
        assertThat(course(equal(10, 10), executors).seconds()).isCloseTo(100, within(1e-6));
        // With many short tasks it gets few of them: 9.1 executors' speed for 910 tokens, and at most a task's time.
        assertThat(course(equal(910, 1), executors).seconds()).isBetween(100.0, 110.0);
    }

    @Test
    void anExecutorBeginsWhenItHasTheModel() {
        IntervalSimulation.Executors executors = executors(2, 1);
        executors.ready()[1] = 50;
        assertThat(course(equal(2, 10), executors).seconds()).isCloseTo(60, within(1e-6));
    }

    @Test
    void theDriverStartsTasksOneAfterTheOther() {
        IntervalSimulation.Course course =
                IntervalSimulation.of(equal(1000, 1), executors(1000, 1), 10, new SplittableRandom(1));
        assertThat(course.seconds()).isCloseTo(101, within(1e-6));
    }

    @Test
    void tasksOfLostExecutorsBeginAnewAsOftenAsProbabilitySays() {
        // A task of 10 s is tried until none of its executor's losses, once in 20 s, is in it: e^(10 / 20) times.
        int tasks = 20_000;
        double[] rates = new double[200];
        Arrays.fill(rates, 1);
        IntervalSimulation.Course course = IntervalSimulation.of(
                equal(tasks, 10),
                new IntervalSimulation.Executors(rates, new double[200], 1, 1 / 20.0, 0.001),
                NO_DRIVER,
                new SplittableRandom(7));
        assertThat((double) course.started() / tasks).isCloseTo(Math.exp(0.5), within(0.03));
        // A try takes 10 s or less, and the expected time until a task is done is 20 (e^(10 / 20) - 1) seconds.
        assertThat(course.seconds()).isCloseTo(tasks / 200.0 * 20 * Math.expm1(0.5), within(60.0));
        assertThat(course.lost()).isGreaterThan((int) (0.6 * tasks * Math.expm1(0.5)));
    }

    @Test
    void lossesThatNoTaskOutlivesAreRefused() {
        IntervalSimulation.Executors executors =
                new IntervalSimulation.Executors(new double[] {1}, new double[1], 1, 10, 0.1);
        assertThatThrownBy(() -> course(equal(1, 1000), executors)).hasMessageContaining("lost so often");
    }

    @Test
    void theSameSeedGivesTheSameCourse() {
        double[] rates = {1, 2, 3};
        IntervalSimulation.Executors executors = new IntervalSimulation.Executors(rates, new double[3], 2, 1 / 30.0, 5);
        assertThat(IntervalSimulation.of(equal(100, 10), executors, 100, new SplittableRandom(3)))
                .isEqualTo(IntervalSimulation.of(equal(100, 10), executors, 100, new SplittableRandom(3)));
    }
}
