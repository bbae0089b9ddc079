package org.sparkqwen.engine.model;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.BitSet;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.StreamedFile;

/// Reads a model's parts from the disk ahead of their use, on a thread of its own.
///
/// While one part computes, the next is read, so a batch takes as long as the slower of disk and arithmetic, and not as
/// both. Nothing is read before the first part is used. What stays in memory is read once, unless the system drops it.
final class WeightStream implements AutoCloseable {
    private static final int NONE = -1;

    private final StreamingPlan plan;
    private final StreamedFile file;

    @GuardedBy("this")
    private final BitSet present = new BitSet(); // parts that are in memory

    @GuardedBy("this")
    private int used = NONE; // the part that computes

    @GuardedBy("this")
    private boolean closed;

    @GuardedBy("this")
    private @Nullable Throwable failure;

    @GuardedBy("this")
    private @Nullable Thread reader;

    private WeightStream(StreamingPlan plan, StreamedFile file) {
        this.plan = plan;
        this.file = file;
    }

    /// Starts the thread that reads.
    ///
    /// @param file the file with the plan's ranges, to be closed after this
    static WeightStream start(StreamingPlan plan, StreamedFile file) {
        WeightStream stream = new WeightStream(plan, file);
        synchronized (stream) {
            stream.reader = Thread.ofPlatform().daemon().name("weights-reader").start(stream::run);
        }
        return stream;
    }

    /// Waits until part `part` is in memory. All of it then stays there until another part is used.
    synchronized void use(int part) {
        if (used != part) {
            used = part;
            notifyAll();
        }
        boolean interrupted = false;
        while (!present.get(part)) {
            if (failure != null) {
                throw new IllegalStateException("the weights cannot be read: " + failure.getMessage(), failure);
            }
            if (closed) {
                throw new IllegalStateException("the weights are closed");
            }
            try {
                wait();
            } catch (InterruptedException _) {
                interrupted = true; // a batch is computed to its end; the caller looks at the flag afterwards
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try {
            Task task = nextTask();
            while (task != null) {
                task.run();
                task = nextTask();
            }
        } catch (Throwable e) { // also an InternalError, when a mapped file cannot be read
            synchronized (this) {
                failure = e;
                notifyAll();
            }
        }
    }

    private interface Task {
        void run();
    }

    /// Waits until there is something to do; null if there is nothing more to do.
    private synchronized @Nullable Task nextTask() {
        while (!closed && !complete()) {
            Task task = taskNow();
            if (task != null) {
                return task;
            }
            try {
                wait();
            } catch (InterruptedException _) {
                return null; // the thread is interrupted only to end it
            }
        }
        return null;
    }

    /// Whether all weights are in memory and stay there.
    @GuardedBy("this")
    private boolean complete() {
        return !plan.streams() && present.cardinality() == plan.parts().size();
    }

    /// The next task, if there is one: the part that is waited for comes first, and then the next part.
    @GuardedBy("this")
    private @Nullable Task taskNow() {
        if (used == NONE) {
            return null;
        }
        int next = plan.overlapping() ? next() : used;
        if (!present.get(used)) {
            return readingOf(used);
        }
        return present.get(next) ? null : readingOf(next);
    }

    /// The next part that is not, or will not stay, in memory; the one in use, if there is no such part.
    @GuardedBy("this")
    private int next() {
        int next = used;
        do {
            next = (next + 1) % plan.parts().size();
        } while (next != used && present.get(next) && plan.range(next).isEmpty());
        return next;
    }

    @GuardedBy("this")
    private Task readingOf(int index) {
        StreamingPlan.Part part = plan.parts().get(index);
        Optional<StreamedFile.Range> streamed = plan.range(index);
        streamed.ifPresent(range -> present.andNot(sharing(range.slot())));
        return () -> {
            file.pages().read(part.from(), part.kept(), this::isClosed);
            streamed.ifPresent(range -> file.read(range, this::isClosed));
            synchronized (this) {
                present.set(index, !closed); // then reading may have ended early
                notifyAll();
            }
        };
    }

    /// The parts that are read into a slot.
    private BitSet sharing(int slot) {
        BitSet parts = new BitSet();
        for (int part = 0; part < plan.parts().size(); part++) {
            parts.set(part, plan.range(part).stream().anyMatch(range -> range.slot() == slot));
        }
        return parts;
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    /// Waits until nothing is being read.
    @Override
    public void close() {
        Thread last;
        synchronized (this) {
            closed = true;
            notifyAll();
            last = reader;
        }
        boolean interrupted = false;
        while (last != null && last.isAlive()) {
            try {
                last.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
