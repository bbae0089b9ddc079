package org.sparkqwen.job.run;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.spark.util.SignalUtils;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Console;

/// Says what becomes of a run that Ctrl-C or `kill` ends: how many rows are done and kept. A second signal ends it at
/// once, without waiting for Spark.
public final class Interruption implements AutoCloseable {
    /// Signals that end a run, with their numbers: the exit code is that and 128, as everywhere.
    private static final Map<String, Integer> SIGNALS = Map.of("INT", 2, "TERM", 15);

    private static final int ENDED_BY_SIGNAL = 128;

    private static final AtomicReference<@Nullable Interruption> CURRENT = new AtomicReference<>();
    private static final AtomicBoolean ENDING = new AtomicBoolean();

    private final String name;
    private final Runnable atEnd;
    private volatile @Nullable Done done;

    private record Done(long rows, long total) {}

    private Interruption(String name, Runnable atEnd) {
        this.name = name;
        this.atEnd = atEnd;
    }

    /// Watches for signals until it is closed.
    ///
    /// @param name of the job
    /// @param atEnd what must be done before the process ends
    static Interruption watch(String name, Runnable atEnd) {
        Interruption interruption = new Interruption(name, atEnd);
        CURRENT.set(interruption);
        return interruption;
    }

    /// Listens for signals, once in a process.
    public static void listen() {
        for (String signal : List.copyOf(SIGNALS.keySet())) {
            SignalUtils.register(signal, () -> {
                caught(signal);
                return true; // nothing else is done with it
            });
        }
    }

    /// Takes note of how many rows are done, of how many.
    void done(long rows, long total) {
        done = new Done(rows, total);
    }

    /// Where a signal is ending this process, what fails now is no news: then this does not return.
    public static void awaitEndIfEnding() {
        while (ENDING.get()) {
            LockSupport.park();
        }
    }

    private static void caught(String signal) {
        int exitCode = ENDED_BY_SIGNAL + SIGNALS.getOrDefault(signal, 0);
        if (!ENDING.compareAndSet(false, true)) {
            Runtime.getRuntime().halt(exitCode);
        }
        Interruption current = CURRENT.get();
        System.err.println(); // the progress bar's line has no end
        new Console(System.err).println(current == null ? "spark-qwen: ended by SIG" + signal : current.line(signal));
        // Not in this thread, which must be free for a second signal.
        Thread.ofPlatform().name("spark-qwen-end").start(() -> {
            if (current != null) {
                current.atEnd.run();
            }
            System.exit(exitCode);
        });
    }

    /// `spark-qwen score: ended by SIGINT; 1,200 of 4,800 rows are done and kept: the same command goes on …`.
    String line(String signal) {
        Done now = done;
        return "spark-qwen %s: ended by SIG%s; %s"
                .formatted(
                        name,
                        signal,
                        now == null
                                ? "work had not begun, and the same command starts again"
                                : now.rows() == now.total()
                                        ? "all %,d rows are done; the same command shows the summary"
                                                .formatted(now.rows())
                                        : "%,d of %,d rows are done and kept: the same command goes on from there"
                                                .formatted(now.rows(), now.total()));
    }

    @Override
    public void close() {
        CURRENT.compareAndSet(this, null);
    }
}
