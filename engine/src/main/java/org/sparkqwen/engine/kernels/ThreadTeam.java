package org.sparkqwen.engine.kernels;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A team of threads that share the parts of one operation; the caller is one of them.
///
/// Threads claim parts from a counter, so a thread that the operating system holds up delays only the part it has.
/// Which thread computes a part never shows in its bits. A worker without work spins for some tens of microseconds,
/// which is the gap between two operations of a forward pass. Then it parks, so an idle engine uses no processor.
public final class ThreadTeam implements AutoCloseable {
    /// The number of calls of [Thread#onSpinWait] before a thread parks.
    private static final int SPINS = 2_000;

    /// One operation, cut into parts that may run in any order and at the same time.
    public interface Operation {
        /// @param part from 0 to parts - 1
        /// @param worker from 0 to threads - 1; no two parts run with the same worker at once
        void run(int part, int worker);
    }

    private final Thread[] workers;
    private volatile @Nullable Work current;
    private volatile boolean closed;

    @GuardedBy("this")
    private @Nullable PartProbe probe;

    private ThreadTeam(int threads) {
        workers = new Thread[threads - 1];
    }

    /// Starts a team.
    ///
    /// @param threads number of threads, the caller included; at least 1
    public static ThreadTeam start(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, not " + threads);
        }
        ThreadTeam team = new ThreadTeam(threads);
        for (int i = 0; i < team.workers.length; i++) {
            int worker = i + 1;
            team.workers[i] = Thread.ofPlatform()
                    .name("spark-qwen-kernel-" + worker)
                    .daemon()
                    .start(() -> team.serve(worker));
        }
        return team;
    }

    public int threads() {
        return workers.length + 1;
    }

    /// Makes every thread use a probe between parts from now on; null for none.
    public synchronized void measurePeak(@Nullable PartProbe probe) {
        this.probe = probe;
    }

    /// Runs every part and returns when all are done. Operations run one at a time.
    ///
    /// @throws RuntimeException the first exception that a part threw, after all parts ended
    public synchronized void run(int parts, Operation operation) {
        if (workers.length == 0 || parts == 1) {
            runAlone(parts, operation);
            return;
        }
        Work work = new Work(parts, threads(), operation, Thread.currentThread(), probe);
        current = work;
        for (Thread worker : workers) {
            LockSupport.unpark(worker);
        }
        work.claimParts(0);
        work.await();
        current = null;
    }

    @GuardedBy("this")
    private void runAlone(int parts, Operation operation) {
        Throwable first = null;
        for (int part = 0; part < parts; part++) {
            try {
                operation.run(part, 0);
                if (probe != null) {
                    probe.betweenParts(0);
                }
            } catch (RuntimeException | Error e) {
                first = first == null ? e : first;
            }
        }
        rethrow(first);
    }

    private static void rethrow(@Nullable Throwable failure) {
        switch (failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        closed = true;
        for (Thread worker : workers) {
            LockSupport.unpark(worker);
        }
    }

    private void serve(int worker) {
        Work last = null;
        int spins = 0;
        while (!closed) {
            Work work = current;
            if (work != null && work != last) {
                work.claimParts(worker);
                last = work;
                spins = 0;
            } else if (spins++ < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.park(this);
            }
        }
    }

    private static final class Work {
        /// The distance between two counters, which puts each on a cache line of its own.
        private static final int APART = 16;

        private final int parts;
        private final Operation operation;
        private final Thread caller;
        private final @Nullable PartProbe probe;
        private final int threads;
        private final AtomicIntegerArray claimed; // of each worker's range, from its first part on
        private final AtomicInteger done = new AtomicInteger();
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

        Work(int parts, int threads, Operation operation, Thread caller, @Nullable PartProbe probe) {
            this.parts = parts;
            this.threads = threads;
            claimed = new AtomicIntegerArray(threads * APART);
            this.operation = operation;
            this.caller = caller;
            this.probe = probe;
        }

        void claimParts(int worker) {
            for (int i = 0; i < threads; i++) {
                claimRange((worker + i) % threads, worker);
            }
        }

        /// Runs the parts of `owner`'s range that no thread has claimed yet.
        private void claimRange(int owner, int worker) {
            int from = start(owner);
            int count = start(owner + 1) - from;
            int at = owner * APART;
            for (int next = claimed.getAndIncrement(at); next < count; next = claimed.getAndIncrement(at)) {
                try {
                    operation.run(from + next, worker);
                    if (probe != null) {
                        probe.betweenParts(worker);
                    }
                } catch (RuntimeException | Error e) {
                    failure.compareAndSet(null, e);
                }
                if (done.incrementAndGet() == parts) {
                    LockSupport.unpark(caller);
                }
            }
        }

        private int start(int worker) {
            return (int) ((long) parts * worker / threads);
        }

        void await() {
            for (int spins = 0; done.get() < parts; spins++) {
                if (spins < SPINS) {
                    Thread.onSpinWait();
                } else {
                    // An interrupted thread does not park. It must still wait, because the parts use its caller's
                    // memory.
                    LockSupport.parkNanos(this, 50_000);
                }
            }
            rethrow(failure.get());
        }
    }
}
