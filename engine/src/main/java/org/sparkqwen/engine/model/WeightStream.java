package org.sparkqwen.engine.model;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.MappedPages;

/// Reads a model's parts from the disk ahead of their use, on a thread of its own, and gives back what does not fit.
///
/// While one part computes, the next is read; so a batch takes as long as the disk or the arithmetic, whichever is
/// slower, and not as both. Nothing is read before the first part is used, and what stays in memory is read once.
final class WeightStream implements AutoCloseable {
    private static final int NONE = -1;

    private final StreamingPlan plan;
    private final MappedPages pages;
    private final Thread reader =
            Thread.ofPlatform().daemon().name("weights-reader").unstarted(this::run);

    // What follows is guarded by this.
    private final BitSet present = new BitSet(); // parts that are in memory
    private int used = NONE; // the part that computes
    private boolean closed;
    private @Nullable Throwable failure;

    /// @param pages of the file that `plan` is about; closed with this
    WeightStream(StreamingPlan plan, MappedPages pages) {
        this.plan = plan;
        this.pages = pages;
        reader.start();
    }

    /// Waits until part `part` is in memory, where all of it then stays until another is used.
    synchronized void use(int part) {
        if (used != part) {
            used = part;
            notifyAll();
        }
        boolean interrupted = false;
        while (!present.get(part)) {
            if (failure != null) {
                throw new IllegalStateException("the weights cannot be read: " + failure, failure);
            }
            try {
                wait();
            } catch (InterruptedException _) {
                interrupted = true; // a batch is computed to its end; who asked for it looks at the flag then
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

    /// Waits until there is something to do; null when there is nothing more.
    private synchronized @Nullable Task nextTask() {
        while (!closed && !complete()) {
            Task task = taskNow();
            if (task != null) {
                return task;
            }
            try {
                wait();
            } catch (InterruptedException _) {
                return null; // nobody interrupts the thread but to end it
            }
        }
        return null;
    }

    /// Whether all is in memory and stays there.
    private boolean complete() {
        return !plan.streams() && present.cardinality() == plan.parts().size();
    }

    /// Room first, then the part that is waited for, then the next.
    private @Nullable Task taskNow() {
        if (used == NONE) {
            return null;
        }
        int next = plan.overlapping() ? next() : used;
        for (int part = present.nextSetBit(0); part >= 0; part = present.nextSetBit(part + 1)) {
            if (part != used && part != next && streams(part)) {
                present.clear(part);
                return releaseOf(part);
            }
        }
        if (!present.get(used)) {
            return readingOf(used);
        }
        return present.get(next) ? null : readingOf(next);
    }

    /// The next part that is not, or will not stay, in memory; the one that is used, if there is no such part.
    private int next() {
        int next = used;
        do {
            next = (next + 1) % plan.parts().size();
        } while (next != used && present.get(next) && !streams(next));
        return next;
    }

    private boolean streams(int part) {
        return plan.parts().get(part).streamedBytes() > 0;
    }

    private Task releaseOf(int index) {
        StreamingPlan.Part part = plan.parts().get(index);
        return () -> pages.release(part.kept(), part.to());
    }

    private Task readingOf(int index) {
        StreamingPlan.Part part = plan.parts().get(index);
        return () -> {
            pages.read(part.from(), part.to(), this::isClosed);
            synchronized (this) {
                present.set(index);
                notifyAll();
            }
        };
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    /// Waits until nothing is being read.
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        boolean interrupted = false;
        while (reader.isAlive()) {
            try {
                reader.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        pages.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
