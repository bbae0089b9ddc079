package org.sparkqwen.job.run;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.spark.util.SignalUtils;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.progress.Progress;

/// Reports how many rows are done and kept when Ctrl-C or `kill` ends a run. The report is the last line that the run
/// prints. A second signal ends the run at once, without waiting for Spark.
public final class Interruption implements AutoCloseable {
    /// The signals that end a run, with their numbers. The exit code is 128 plus that number, as usual.
    private static final Map<String, Integer> SIGNALS = Map.of("INT", 2, "TERM", 15);

    private static final int ENDED_BY_SIGNAL = 128;

    private static final AtomicReference<@Nullable Interruption> CURRENT = new AtomicReference<>();
    private static final AtomicBoolean ENDING = new AtomicBoolean();

    private final String name;
    private final Runnable atEnd;
    private volatile @Nullable Done done;
    private volatile long scored;
    private volatile @Nullable Progress shown;

    private record Done(long rows, long total) {}

    private Interruption(String name, Runnable atEnd) {
        this.name = name;
        this.atEnd = atEnd;
    }

    /// Watches for signals until it is closed.
    ///
    /// @param name the name of the job
    /// @param atEnd what must be done before the process ends, after the report
    static Interruption watch(String name, Runnable atEnd) {
        Interruption interruption = new Interruption(name, atEnd);
        CURRENT.set(interruption);
        return interruption;
    }

    /// Registers for the signals, once in a process.
    public static void listen() {
        for (String signal : List.copyOf(SIGNALS.keySet())) {
            SignalUtils.register(signal, () -> {
                caught(signal);
                return true; // nothing else handles the signal
            });
        }
    }

    /// Records how many rows are done, out of how many.
    void done(long rows, long total) {
        done = new Done(rows, total);
    }

    /// Records that all rows are scored, of a run that goes on to divide them into buckets.
    void scored(long rows) {
        scored = rows;
        done = null;
    }

    /// Closes the display of progress before the report, if a signal comes.
    void closes(Progress progress) {
        shown = progress;
    }

    /// Does not return if a signal is ending this process, because failures are expected then.
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
        Progress progress = current == null ? null : current.shown;
        if (progress == null) {
            System.err.println(); // ends the line on which a terminal shows ^C
        } else {
            progress.close(); // ends the bar's line
        }
        new Console(System.err).println(current == null ? "spark-qwen: ended by SIG" + signal : current.line(signal));
        // This thread must stay free for a second signal.
        Thread.ofPlatform().name("spark-qwen-end").start(() -> {
            try {
                if (current != null) {
                    current.atEnd.run();
                }
            } finally {
                System.exit(exitCode);
            }
        });
    }

    /// Formats the message, such as
    /// `spark-qwen score: ended by SIGINT; 1,200 of 4,800 rows are done and kept: the same command goes on …`.
    String line(String signal) {
        Done now = done;
        return "spark-qwen %s: ended by SIG%s; %s%s"
                .formatted(
                        name,
                        signal,
                        scored == 0 ? "" : "all %,d rows are scored; ".formatted(scored),
                        now == null
                                ? scored == 0
                                        ? "work had not begun, and the same command starts again"
                                        : "the same command divides them into buckets"
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
