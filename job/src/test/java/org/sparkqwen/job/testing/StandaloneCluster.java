package org.sparkqwen.job.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/// A standalone cluster of separate processes: a master and two workers with one core each.
public final class StandaloneCluster implements AutoCloseable {
    private final Path logs;
    private final SparkProcess master;
    private final String url;
    private final IntFunction<Map<String, String>> environments;
    private final List<SparkProcess> workers = new ArrayList<>();
    private int started;

    private StandaloneCluster(Path logs, SparkProcess master, IntFunction<Map<String, String>> environments) {
        this.logs = logs;
        this.environments = environments;
        this.master = master;
        url = master.await("Starting Spark master at (spark://\\S+)");
    }

    /// Starts a cluster, and waits until its workers are registered.
    ///
    /// @param logs a directory for the processes' output
    public static StandaloneCluster start(Path logs) {
        return start(logs, worker -> Map.of());
    }

    /// Starts a cluster with environments, and waits until its workers are registered.
    ///
    /// @param environments the variables of each worker and its executors, by its number from 1 on
    @SuppressWarnings("MustBeClosedChecker")
    public static StandaloneCluster start(Path logs, IntFunction<Map<String, String>> environments) {
        StandaloneCluster cluster = new StandaloneCluster(logs, SparkProcess.master(logs), environments);
        for (int i = 0; i < 2; i++) {
            cluster.workers.add(cluster.startWorker());
        }
        cluster.workers.forEach(worker -> worker.await("(Successfully registered) with master"));
        return cluster;
    }

    private SparkProcess startWorker() {
        return SparkProcess.worker(logs, ++started, url, environments.apply(started));
    }

    /// Submits the job's jar in client mode and waits for its end.
    public CommandRun submit(String... arguments) {
        return SparkProcess.submit(logs, url, List.of(), arguments);
    }

    /// Submits the job's jar in client mode and leaves it running.
    public SparkProcess startSubmit(String... arguments) {
        return SparkProcess.startSubmit(logs, url, List.of(), arguments);
    }

    public String url() {
        return url;
    }

    /// Returns the executors that are running.
    public List<ProcessHandle> executors() {
        return workers.stream().flatMap(worker -> worker.executors().stream()).toList();
    }

    /// Returns what the master has logged.
    public String masterLog() {
        return master.output();
    }

    /// Returns what each worker has logged.
    public List<String> workerLogs() {
        return workers.stream().map(SparkProcess::output).toList();
    }

    /// Kills the executor of a worker, as `kill -9` does.
    ///
    /// @return whether there was one
    public boolean killExecutor(int worker) {
        return workers.get(worker).killExecutor();
    }

    /// Kills a worker, as `kill -9` does, but not its executor, which notices by itself that it is alone. Another
    /// worker takes its place.
    ///
    /// @return whether it was alive
    public boolean killWorker(int worker) {
        boolean killed = workers.get(worker).kill();
        workers.set(worker, startWorker());
        return killed;
    }

    @Override
    public void close() {
        workers.forEach(SparkProcess::close);
        master.close();
    }
}
