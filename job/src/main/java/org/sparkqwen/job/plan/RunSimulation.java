package org.sparkqwen.job.plan;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.sparkqwen.job.input.Balance;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.run.IntervalSize;

/// Simulates a run on a cluster, from the start of the driver to the last commit. It cuts intervals and tasks by the
/// rules of the run itself. The same seed gives the same course.
public final class RunSimulation {
    /// The most intervals that are simulated. Later ones are like the last of these.
    private static final int MOST_INTERVALS = 12;

    /// The time in which Spark starts, the driver checks the model, and tasks open it, in seconds.
    static final double START_SECONDS = 12;

    /// The driver's time for a file of the input, in seconds: it is listed twice, cut into splits, and recorded.
    static final double FILE_SECONDS = 0.25e-3;

    /// The time of a core for a file of the input before the first interval, in seconds. Tasks open each file to
    /// look at its contents, to find columns and to count rows.
    static final double OPENED_SECONDS = 3e-3;

    /// The driver's heap for a file of the input, and without files, in bytes.
    static final double FILE_HEAP = 4000;

    static final double LEAST_HEAP = 1L << 30;

    /// The time of an interval beyond its tasks, in seconds: three small jobs of Spark, and the commit.
    static final double COMMIT_SECONDS = 1;

    private final Workload workload;
    private final Cluster cluster;
    private final SplittableRandom random;
    private final long seed;

    private RunSimulation(Workload workload, Cluster cluster, long seed) {
        this.workload = workload;
        this.cluster = cluster;
        this.seed = seed;
        random = new SplittableRandom(seed);
    }

    /// The course of a run.
    ///
    /// @param firstHost when the first host has the model, in seconds
    /// @param lastHost when the last host has the model
    /// @param firstRows when the first interval is committed, so that the output has rows
    /// @param seconds how long the run takes
    /// @param intervals how many intervals it has
    /// @param tasks the most tasks of an interval
    /// @param unused the share of the executors' capacity that is not used, because they wait or because work is
    ///     lost
    /// @param lost how many executors are lost
    /// @param tail the time at the end of an interval in which some executors have no task any more, in seconds, on
    ///     average
    /// @param driverHeap the bytes of heap that the driver needs
    public record Course(
            double firstHost,
            double lastHost,
            double firstRows,
            double seconds,
            double intervals,
            int tasks,
            double unused,
            double lost,
            double tail,
            double driverHeap) {}

    /// Simulates a run.
    ///
    /// @throws IllegalArgumentException if executors are lost so often that the run never ends
    public static Course of(Workload workload, Cluster cluster, long seed) {
        return new RunSimulation(workload, cluster, seed).run();
    }

    private Course run() {
        int opening = Math.min(InputScan.tasks(cluster.allCores()), cluster.allCores());
        double planned = START_SECONDS + workload.files() * (FILE_SECONDS + OPENED_SECONDS / opening);
        double[] copied = copied();
        double[] rates = rates();
        double[] ready = new double[cluster.executors()];
        for (int i = 0; i < ready.length; i++) {
            ready[i] = copied[i / cluster.executorsPerHost()];
        }
        long done = 0;
        double now = planned;
        double firstRows = 0;
        int intervals = 0;
        int mostTasks = 0;
        double lost = 0;
        long rows = 0;
        double seconds = 0;
        double tail = 0;
        while (done < workload.rows() && intervals < MOST_INTERVALS) {
            rows = Math.min(workload.rows() - done, IntervalSize.byTime(rows, seconds, cluster.allCores()));
            double[] tasks = tasks(rows);
            IntervalSimulation.Course course = IntervalSimulation.of(
                    tasks,
                    new IntervalSimulation.Executors(
                            rates,
                            intervals == 0 ? ready : new double[ready.length],
                            cluster.slotsOfExecutor(),
                            cluster.failuresPerHour() / 3600 / cluster.executors(),
                            Cluster.RESTART_SECONDS),
                    Cluster.STARTED_TASKS,
                    random);
            seconds = course.seconds() + COMMIT_SECONDS + reading(rows);
            tail += course.tail();
            now += seconds;
            done += rows;
            lost += course.lost();
            mostTasks = Math.max(mostTasks, tasks.length);
            firstRows = intervals == 0 ? now : firstRows;
            intervals++;
        }
        double more = (double) (workload.rows() - done) / Math.max(1, rows);
        now += more * seconds;
        lost += more * lost / Math.max(1, intervals);
        double possible = (now - planned) * Arrays.stream(rates).sum();
        return new Course(
                planned + Arrays.stream(copied).min().orElse(0),
                planned + Arrays.stream(copied).max().orElse(0),
                firstRows,
                now,
                intervals + Math.ceil(more),
                mostTasks,
                1 - workload.rows() * workload.tokens() / possible,
                lost,
                tail / intervals,
                LEAST_HEAP + workload.files() * FILE_HEAP);
    }

    /// Returns when each host has the model, in seconds after the driver has planned.
    private double[] copied() {
        return switch (workload.distribution()) {
            case SHARED -> new double[cluster.hosts()];
            case FETCH -> {
                double[] each = new double[cluster.hosts()];
                Arrays.fill(each, workload.modelBytes() / cluster.bandwidth());
                yield each;
            }
            case BROADCAST ->
                ModelSpread.byBroadcast(workload.modelBytes(), cluster.hosts(), cluster.bandwidth(), seed);
        };
    }

    /// Returns the tokens a second of each executor. The executors of a host are as fast as their host.
    private double[] rates() {
        double mean = workload.tokensPerSecond() * cluster.coresOfExecutor();
        double[] rates = new double[cluster.executors()];
        double factor = 1;
        for (int i = 0; i < rates.length; i++) {
            if (i % cluster.executorsPerHost() == 0) {
                factor = Math.max(0.2, 1 + cluster.spread() * random.nextGaussian());
            }
            rates[i] = mean * factor;
        }
        return rates;
    }

    /// Returns the tokens of the tasks that an interval has. Their rows are of different lengths.
    private double[] tasks(long rows) {
        double[] shares = Balance.shares(rows, cluster.slots(), cluster.slotsOfExecutor());
        double[] tokens = new double[shares.length];
        long partitions = Math.min(InputScan.tasks(cluster.allCores()), Math.max(1, pieces(rows)));
        boolean few = Balance.hasFew(rows / partitions, shares.length);
        for (int task = 0; task < shares.length; task++) {
            // Tasks are balanced by tokens to about a row, or only by rows where each part of the input has few.
            double rowsOfTask = rows * shares[task];
            double deviation = workload.deviation() * (few ? Math.sqrt(rowsOfTask) : 0.5);
            tokens[task] = Math.max(0, rowsOfTask * workload.tokens() + deviation * random.nextGaussian());
        }
        return tokens;
    }

    private long pieces(long rows) {
        long splits = Math.max(workload.files(), workload.bytes() / InputScan.SPLIT);
        return (long) Math.ceil((double) splits * rows / workload.rows());
    }

    /// Returns the time in which an interval's rows are read and written, in seconds.
    private double reading(long rows) {
        long partitions = Math.min(InputScan.tasks(cluster.allCores()), Math.max(1, pieces(rows)));
        double bytes = 2.0 * workload.bytes() * rows / workload.rows();
        double together = Math.min(partitions, cluster.hosts()) * cluster.bandwidth();
        return partitions / Cluster.STARTED_TASKS + bytes / together;
    }
}
