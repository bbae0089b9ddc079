package org.sparkqwen.engine.kernels.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.ThreadTeam;
import org.sparkqwen.engine.kernels.vector.MultiplyAdds;

class ThreadTeamTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void runsEveryPartOnce(int threads) {
        try (ThreadTeam team = ThreadTeam.start(threads)) {
            for (int parts : new int[] {0, 1, 2, 7, 1000}) {
                for (int round = 0; round < 50; round++) {
                    AtomicIntegerArray runs = new AtomicIntegerArray(Math.max(1, parts));
                    team.run(parts, (part, worker) -> {
                        assertThat(worker).isBetween(0, threads - 1);
                        runs.incrementAndGet(part);
                    });
                    for (int part = 0; part < parts; part++) {
                        assertThat(runs.get(part)).isEqualTo(1);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 20", "2, 20", "8, 20", "2, 4"})
    void aFailingPartFailsTheOperationAfterAllOthersRan(int threads, int parts) {
        try (ThreadTeam team = ThreadTeam.start(threads)) {
            AtomicIntegerArray runs = new AtomicIntegerArray(parts);
            assertThatThrownBy(() -> team.run(parts, (part, worker) -> {
                        runs.incrementAndGet(part);
                        if (part == 3) {
                            throw new IllegalArgumentException("part 3");
                        }
                    }))
                    .hasMessage("part 3");
            for (int part = 0; part < parts; part++) {
                assertThat(runs.get(part)).isEqualTo(1);
            }
            team.run(4, (part, worker) -> runs.incrementAndGet(part)); // and the team still works
            assertThat(runs.get(0)).isEqualTo(2);
        }
    }

    @Test
    void anOnlyPartsFailureIsThrown() {
        try (ThreadTeam team = ThreadTeam.start(2)) {
            assertThatThrownBy(() -> team.run(1, (part, worker) -> {
                        throw new AssertionError("part " + part);
                    }))
                    .isInstanceOf(AssertionError.class)
                    .hasMessage("part 0");
        }
    }

    /// Part 0 is the caller's first. The other threads' parts wait until the caller has begun another part, because
    /// its exception is kept by then.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void ofSeveralFailuresTheFirstIsThrown(int threads) {
        try (ThreadTeam team = ThreadTeam.start(threads)) {
            Thread caller = Thread.currentThread();
            AtomicBoolean kept = new AtomicBoolean();
            AtomicInteger failed = new AtomicInteger();
            assertThatThrownBy(() -> team.run(8, (part, worker) -> {
                        if (part > 0 && Thread.currentThread() == caller) {
                            kept.set(true);
                        }
                        while (part > 0 && !kept.get()) {
                            Thread.onSpinWait();
                        }
                        failed.incrementAndGet();
                        throw new IllegalArgumentException("part " + part);
                    }))
                    .hasMessage("part 0");
            assertThat(failed.get()).as("all parts ran").isEqualTo(8);
        }
    }

    /// Neither part ends before both have begun, so they are two threads'; nor before it is time for a burst.
    @Test
    void everyThreadUsesTheProbe() {
        try (ThreadTeam team = ThreadTeam.start(2)) {
            PeakProbe probe = new PeakProbe(2);
            team.measurePeak(probe);
            AtomicInteger begun = new AtomicInteger();
            long start = System.nanoTime();
            team.run(2, (part, worker) -> {
                begun.incrementAndGet();
                while (begun.get() < 2 || System.nanoTime() - start < 25_000_000) {
                    Thread.onSpinWait();
                }
            });
            assertThat(probe.take().flops()).isEqualTo(2 * 2 * MultiplyAdds.flops(1 << 16));
            assertThat(probe.take()).isEqualTo(Bursts.NONE);
        }
    }

    @Test
    void anInterruptedCallerStillWaitsForItsParts() throws InterruptedException {
        try (ThreadTeam team = ThreadTeam.start(2)) {
            AtomicReference<Boolean> interrupted = new AtomicReference<>(false);
            AtomicIntegerArray runs = new AtomicIntegerArray(8);
            Thread caller = new Thread(() -> {
                Thread.currentThread().interrupt();
                team.run(8, (part, worker) -> runs.incrementAndGet(part));
                interrupted.set(Thread.currentThread().isInterrupted());
            });
            caller.start();
            caller.join();
            for (int part = 0; part < 8; part++) {
                assertThat(runs.get(part)).isEqualTo(1);
            }
            assertThat(interrupted.get()).isTrue();
        }
    }
}
