package org.sparkqwen.job.plan;

import org.sparkqwen.job.input.Balance;

/// A cluster on which a run is predicted.
///
/// @param hosts how many hosts there are, all alike
/// @param executorsPerHost the executors of each host
/// @param cores the cores of each host
/// @param bandwidth the bytes a second that a host sends, and also receives
/// @param spread the standard deviation of the hosts' speeds, as a share of their mean
/// @param failuresPerHour how often an executor is lost in an hour, on average
public record Cluster(
        int hosts, int executorsPerHost, int cores, double bandwidth, double spread, double failuresPerHour) {
    /// The spread of hosts that are bought alike and share nothing.
    public static final double USUAL_SPREAD = 0.05;

    /// The most executors of a plan, because the simulation of a broadcast grows with hosts and pieces.
    private static final int MOST_EXECUTORS = 5000;

    private static final int MOST_CORES = 10_000;

    /// How long a lost executor is away, in seconds: another one starts, and maps the model that its host has.
    static final double RESTART_SECONDS = 30;

    /// The tasks that a driver starts in a second. Measured: 1,646, on two cores that also ran them.
    static final double STARTED_TASKS = 1500;

    /// @throws IllegalArgumentException naming what cannot be, in one line
    public Cluster {
        if (Math.min(Math.min(hosts, executorsPerHost), cores) < 1) {
            throw new IllegalArgumentException("hosts, executors and cores must be at least 1");
        }
        if ((long) hosts * executorsPerHost > MOST_EXECUTORS || cores > MOST_CORES) {
            throw new IllegalArgumentException("a plan is for at most %,d executors, and hosts of at most %,d cores"
                    .formatted(MOST_EXECUTORS, MOST_CORES));
        }
        if (executorsPerHost > cores) {
            throw new IllegalArgumentException(
                    "%,d executors a host need more than its %,d cores".formatted(executorsPerHost, cores));
        }
        if (!(bandwidth > 0 && spread >= 0 && spread < 1 && failuresPerHour >= 0)) {
            throw new IllegalArgumentException(
                    "the bandwidth must be above 0, the spread from 0 to less than 1, and failures not below 0");
        }
    }

    int executors() {
        return hosts * executorsPerHost;
    }

    int allCores() {
        return hosts * cores;
    }

    /// Returns the cores of a task (`spark.task.cpus`) with which no more tasks run at a time than a driver can
    /// start.
    public int coresOfTask() {
        return Math.ceilDiv(allCores(), Balance.MOST_IN_A_ROUND);
    }

    int slotsOfExecutor() {
        return Math.max(1, (int) (coresOfExecutor() / coresOfTask()));
    }

    int slots() {
        return executors() * slotsOfExecutor();
    }

    double coresOfExecutor() {
        return (double) cores / executorsPerHost;
    }
}
