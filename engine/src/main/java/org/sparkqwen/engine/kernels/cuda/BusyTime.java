package org.sparkqwen.engine.kernels.cuda;

import com.google.errorprone.annotations.concurrent.GuardedBy;

/// The time in which a device has something to do, as the host sees it, and in which the host waits for it.
final class BusyTime {
    @GuardedBy("this")
    private long started; // kernels so far

    @GuardedBy("this")
    private long since; // the time from which on the device's work is not counted yet; 0 if it has none

    @GuardedBy("this")
    private long busyNanos;

    @GuardedBy("this")
    private long waitedNanos;

    /// Notes that a kernel is started.
    synchronized void start() {
        started++;
        if (since == 0) {
            since = System.nanoTime();
        }
    }

    /// The number of kernels that were started.
    synchronized long started() {
        return started;
    }

    /// Notes that a thread has waited until now for the first `kernels` kernels.
    synchronized void waited(long start, long kernels) {
        long now = System.nanoTime();
        waitedNanos += now - start;
        if (since != 0) {
            busyNanos += now - since;
            since = started == kernels ? 0 : now;
        }
    }

    synchronized long busyNanos() {
        return busyNanos;
    }

    synchronized long waitedNanos() {
        return waitedNanos;
    }
}
