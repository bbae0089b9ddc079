package org.sparkqwen.job.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Prints what the simulation says of clusters of 10, 100 and 1,000 executors, as docs/scale.md shows it.
@Tag("slow")
class ScaleTest {
    private static final int CORES = 16;
    private static final double TOKENS_A_CORE = 20; // a second, of the 4B model
    private static final long MODEL = 8L << 30;
    private static final double HOURS = 10;

    private static Workload work(int hosts, long files, Workload.Distribution distribution) {
        long rows = (long) (HOURS * 3600 * hosts * CORES * TOKENS_A_CORE / 1000);
        return new Workload(files, rows * 4000, rows, 1000, 1500, TOKENS_A_CORE, MODEL, distribution);
    }

    private static void print(String name, int hosts, RunSimulation.Course course) {
        System.out.printf(
                Locale.ROOT,
                "scale: | %s | %,d | %.0f s | %.0f s | %.0f s | %.2f h | %.0f | %,d | %.1f s | %.1f %% | %.0f |%n",
                name,
                hosts,
                course.firstHost(),
                course.lastHost(),
                course.firstRows(),
                course.seconds() / 3600,
                course.intervals(),
                course.tasks(),
                course.tail(),
                100 * course.unused(),
                course.lost());
    }

    @Test
    void clustersOfSeveralSizes() {
        for (int hosts : new int[] {10, 100, 1000}) {
            for (Workload.Distribution distribution : Workload.Distribution.values()) {
                Cluster alike = new Cluster(hosts, 1, CORES, 1 << 30, Cluster.USUAL_SPREAD, 0);
                print(distribution.name(), hosts, RunSimulation.of(work(hosts, 1000, distribution), alike, 1));
            }
            Workload work = work(hosts, 1000, Workload.Distribution.SHARED);
            for (double spread : new double[] {0, 0.2}) {
                print(
                        "spread " + spread,
                        hosts,
                        RunSimulation.of(work, new Cluster(hosts, 1, CORES, 1 << 30, spread, 0), 1));
            }
            for (double losses : new double[] {0.1, 1}) { // of each executor, an hour
                print(
                        "losses " + losses,
                        hosts,
                        RunSimulation.of(work, new Cluster(hosts, 1, CORES, 1 << 30, 0.05, losses * hosts), 1));
            }
            print("64 cores", hosts, RunSimulation.of(work, new Cluster(hosts, 1, 64, 1 << 30, 0.05, 0), 1));
            print(
                    "million files",
                    hosts,
                    RunSimulation.of(
                            work(hosts, 1_000_000, Workload.Distribution.SHARED),
                            new Cluster(hosts, 1, CORES, 1 << 30, 0.05, 0),
                            1));
        }
        for (int hosts : new int[] {100, 300, 1000, 3000}) {
            double[] whole = ModelSpread.byBroadcast(MODEL, hosts, 1 << 30, 1);
            double last = Arrays.stream(whole).max().orElseThrow();
            System.out.printf(Locale.ROOT, "scale: broadcast to %,d hosts: %.0f s%n", hosts, last);
            assertThat(last).isGreaterThan(MODEL / (double) (1 << 30));
        }
    }
}
