package org.sparkqwen.engine.run;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Scheduler;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.scheduler.SequenceQueue;

/// What one caller's [GenerationRun] and the [GenerationLoop] share: its texts that wait and its share of turns, its
/// results that nobody has taken yet, and whether it can continue.
///
/// The run submits texts and takes results, and the loop computes texts and puts results. Both hold a `Caller`, which
/// knows neither of them. Its state is guarded by the loop's lock. Every method takes that lock, which is reentrant,
/// so the loop can call several of them in one step of its own.
final class Caller {
    private final ReentrantLock lock; // the loop's, for all of its callers
    private final Condition news; // a result, room for a text, or the reason of an end
    private final EngineOptions options;

    @GuardedBy("lock")
    private final Scheduler scheduler;

    @GuardedBy("lock")
    private final SequenceQueue queue;

    @GuardedBy("lock")
    private final Deque<Result> finished = new ArrayDeque<>();

    @GuardedBy("lock")
    private final Map<Sequence, Integer> inWork = new HashMap<>(); // generated tokens of unfinished texts

    @GuardedBy("lock")
    private long promptTokens;

    @GuardedBy("lock")
    private long sharedTokens;

    @GuardedBy("lock")
    private boolean exhausted; // no request is left

    @GuardedBy("lock")
    private boolean closed;

    @GuardedBy("lock")
    private @Nullable Throwable failure; // of a step that computed one of its texts

    @GuardedBy("lock")
    private @Nullable Throwable end; // why the loop computes no further step

    /// Joins a scheduler, whose lock the calling thread holds.
    ///
    /// @param lock guards `scheduler`
    Caller(ReentrantLock lock, Scheduler scheduler, EngineOptions options) {
        this.lock = lock;
        this.scheduler = scheduler;
        this.options = options;
        news = lock.newCondition();
        queue = scheduler.open();
    }

    /// Whether another text may wait, and there may be one. As many may wait as may run, so that there are enough
    /// when all that run end at once, but no more tokens than a step computes.
    ///
    /// @throws RuntimeException or Error: the reason why the caller cannot continue
    boolean wantsText() {
        lock.lock();
        try {
            check();
            return hasRoom();
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private boolean hasRoom() {
        return !exhausted
                && finished.size() < options.maxSequences()
                && queue.waiting() < options.maxSequences()
                && queue.waitingTokens() < options.batchTokens();
    }

    /// Notes that there is no further text.
    void exhaust() {
        lock.lock();
        try {
            exhausted = true;
        } finally {
            lock.unlock();
        }
    }

    /// Lets a text wait for its turn.
    ///
    /// @throws RuntimeException or Error: the reason why the caller cannot continue
    void submit(Sequence sequence) {
        lock.lock();
        try {
            check();
            scheduler.add(queue, sequence);
        } finally {
            lock.unlock();
        }
    }

    /// Notes that a token of a text was generated.
    void generated(Sequence sequence) {
        lock.lock();
        try {
            inWork.merge(sequence, 1, Integer::sum);
        } finally {
            lock.unlock();
        }
    }

    /// Puts the result of a text that has ended.
    void finish(Sequence sequence, Result result) {
        lock.lock();
        try {
            inWork.remove(sequence);
            promptTokens += sequence.promptTokens();
            sharedTokens += sequence.shared();
            put(result);
        } finally {
            lock.unlock();
        }
    }

    /// Puts a result.
    void put(Result result) {
        lock.lock();
        try {
            finished.add(result);
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /// Wakes the caller if there is room for another text.
    void offerRoom() {
        lock.lock();
        try {
            if (hasRoom()) {
                news.signal();
            }
        } finally {
            lock.unlock();
        }
    }

    /// Notes that a step with one of the caller's texts failed.
    void fail(Throwable cause) {
        lock.lock();
        try {
            failure = cause;
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /// Notes that no further step is computed.
    void end(Throwable reason) {
        lock.lock();
        try {
            end = reason;
            news.signal();
        } finally {
            lock.unlock();
        }
    }

    /// Takes a result; null if there is none yet.
    ///
    /// @throws RuntimeException or Error: the reason why the caller cannot continue
    @Nullable
    Result poll() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            check();
            return finished.poll();
        } finally {
            lock.unlock();
        }
    }

    /// Waits until there is a result to take, room for another text, or a reason not to continue, but not longer
    /// than `millis`.
    void awaitNews(long millis) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = TimeUnit.MILLISECONDS.toNanos(millis);
            while (!hasNews() && left > 0) {
                left = news.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private boolean hasNews() {
        return !finished.isEmpty() || hasRoom() || closed || failure != null || end != null;
    }

    @GuardedBy("lock")
    private void check() {
        if (end != null) {
            throw new IllegalStateException(end.getMessage(), end);
        }
        switch (failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
        if (closed) {
            throw new IllegalStateException("the run is closed");
        }
    }

    /// Notes that the caller takes no further result.
    ///
    /// @return false if that was known already
    boolean close() {
        lock.lock();
        try {
            boolean first = !closed;
            closed = true;
            news.signal();
            return first;
        } finally {
            lock.unlock();
        }
    }

    /// Ends all texts, and frees their blocks.
    void leave() {
        lock.lock();
        try {
            scheduler.close(queue);
        } finally {
            lock.unlock();
        }
    }

    boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    /// The number of prompt tokens of texts that have ended.
    long promptTokens() {
        lock.lock();
        try {
            return promptTokens;
        } finally {
            lock.unlock();
        }
    }

    /// The number of prompt tokens of ended texts that were in the KV cache already.
    long sharedTokens() {
        lock.lock();
        try {
            return sharedTokens;
        } finally {
            lock.unlock();
        }
    }

    /// The number of tokens generated so far for texts that have not ended.
    long tokensInWork() {
        lock.lock();
        try {
            return inWork.values().stream().mapToLong(Integer::longValue).sum();
        } finally {
            lock.unlock();
        }
    }
}
