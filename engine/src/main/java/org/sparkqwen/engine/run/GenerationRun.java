package org.sparkqwen.engine.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.scheduler.SequenceQueue;

/// One caller's continuations. It submits requests to the engine's [GenerationLoop] as long as there is room for them
/// to wait, and takes the results as they come.
public final class GenerationRun implements Iterator<Result>, AutoCloseable {
    private static final long LOOK_MILLIS = 200;

    private final LoadedModel model;
    private final GenerationLoop loop;
    private final ReentrantLock lock;
    private final Condition news; // a result, room, or a failure
    private final SequenceQueue queue;
    private final Iterator<Request.Generate> requests;
    private final BooleanSupplier cancelled;
    private final LongConsumer progress;
    private final Deque<Result> finished = new ArrayDeque<>();
    private @Nullable Throwable failure;
    private long promptTokens;
    private long sharedTokens;
    private final IdentityHashMap<Sequence, Integer> inWork = new IdentityHashMap<>(); // tokens of unfinished texts
    private long missing; // results of requests that were submitted
    private volatile boolean exhausted; // no request is left
    private boolean closed;

    public GenerationRun(
            LoadedModel model,
            GenerationLoop loop,
            Iterator<Request.Generate> requests,
            BooleanSupplier cancelled,
            LongConsumer progress) {
        this.model = model;
        this.loop = loop;
        this.requests = requests;
        this.cancelled = cancelled;
        this.progress = progress;
        lock = loop.lock();
        news = lock.newCondition();
        queue = loop.open();
        loop.enter(this); // from here on the loop's thread looks at it
    }

    SequenceQueue queue() {
        return queue;
    }

    /// The number of prompt tokens of texts that have ended.
    public long promptTokens() {
        return promptTokens;
    }

    /// The number of those tokens that came from the KV cache, because other prompts have them in common, and were
    /// not computed again.
    public long sharedTokens() {
        return sharedTokens;
    }

    /// The number of tokens generated so far for texts that have not ended.
    public long tokensInWork() {
        lock.lock();
        try {
            return inWork.values().stream().mapToLong(Integer::longValue).sum();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean hasNext() {
        return !closed && (missing > 0 || requests.hasNext());
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        Result result;
        do {
            feed();
            result = await();
        } while (result == null);
        missing--;
        if (!hasNext()) {
            close();
        }
        return result;
    }

    /// Submits requests while there is room. It fetches them without the lock, because that may take time.
    public void feed() {
        while (hasRoom() && !exhausted) {
            if (cancelled.getAsBoolean()) {
                throw new CancellationException("cancelled while requests were read");
            }
            if (requests.hasNext()) {
                accept(requests.next());
            } else {
                exhausted = true;
            }
        }
    }

    /// Whether another text may wait. As many may wait as may run, so that there are enough when all that run end
    /// at once, but no more tokens than a step computes.
    private boolean hasRoom() {
        lock.lock();
        try {
            check();
            return finished.size() < model.options().maxSequences()
                    && queue.waiting() < model.options().maxSequences()
                    && queue.waitingTokens() < model.options().batchTokens();
        } finally {
            lock.unlock();
        }
    }

    private void accept(Request.Generate request) {
        missing++;
        try {
            Prompt prompt = model.prompt(request.content());
            int tokens = prompt.tokens().length;
            if (tokens >= model.config().maxPositions()) {
                throw new RejectedContent("a prompt of %,d tokens leaves no room in a context of %,d"
                        .formatted(tokens, model.config().maxPositions()));
            }
            Continuation continuation = new Continuation(model, request, prompt);
            lock.lock();
            try {
                loop.add(this, continuation);
            } finally {
                lock.unlock();
            }
        } catch (RejectedContent e) {
            lock.lock();
            try {
                finished.add(new Result.Rejected(request.id(), e.reason()));
            } finally {
                lock.unlock();
            }
        }
    }

    /// Waits for a result; null if more requests can be submitted first.
    private @Nullable Result await() {
        try {
            lock.lockInterruptibly();
            try {
                while (true) {
                    check();
                    if (!finished.isEmpty()) {
                        return finished.removeFirst();
                    }
                    progress.accept(tokensInWork());
                    if (cancelled.getAsBoolean()) {
                        throw new CancellationException("cancelled while texts were generated");
                    }
                    if (hasRoom() && !exhausted) {
                        return null;
                    }
                    loop.start();
                    boolean _ = news.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
                }
            } finally {
                lock.unlock();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            CancellationException exception = new CancellationException("interrupted while texts were generated");
            exception.initCause(e);
            throw exception;
        }
    }

    /// @throws RuntimeException or Error: the cause that ended the run
    private void check() {
        loop.checkOpen();
        switch (failure) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
    }

    /// Notes that a token of a text was chosen. The loop holds the lock.
    void chosen(Sequence sequence) {
        inWork.merge(sequence, 1, Integer::sum);
    }

    /// Takes the result of a text that has ended. The loop holds the lock.
    void finished(Sequence sequence, Result result) {
        inWork.remove(sequence);
        promptTokens += sequence.promptTokens();
        sharedTokens += sequence.shared();
        finished.add(result);
        news.signal();
    }

    /// Notes that there may be room for more requests. The loop holds the lock.
    void step() {
        if (!exhausted && hasRoom()) {
            news.signal();
        }
    }

    /// Notes that the run cannot continue. The loop holds the lock.
    void failed(Throwable cause) {
        failure = cause;
        news.signal();
    }

    /// Ends the run and drops unfinished texts.
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            loop.leave(this);
        }
    }
}
