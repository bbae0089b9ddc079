package org.sparkqwen.engine.run;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.KeyValueCache;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Scheduler;
import org.sparkqwen.engine.scheduler.Sequence;

/// Continuous batching for an engine: all callers' texts run in one batch, a step at a time, on a thread of its own. A
/// text that ends makes room for the next in the same step, whichever caller has it.
///
/// Callers submit texts and take results through a [Caller] each. All state that they share with the thread is guarded
/// by one lock, which the thread does not hold while the model computes.
public final class GenerationLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GenerationLoop.class);

    private final LoadedModel model;
    private final NextTokens nextTokens;
    private final BlockPool blocks;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition(); // something to compute, or the end

    @GuardedBy("lock")
    private final KeyValueCache cache;

    @GuardedBy("lock")
    private final Scheduler scheduler;

    @GuardedBy("lock")
    private final Map<Sequence, Text> texts = new HashMap<>();

    @GuardedBy("lock")
    private final Set<Caller> callers = new HashSet<>();

    @GuardedBy("lock")
    private final List<Caller> leaving = new ArrayList<>(); // closed while the model computes

    @GuardedBy("lock")
    private boolean computing;

    @GuardedBy("lock")
    private @Nullable Throwable end; // why there is no further step

    @GuardedBy("lock")
    private boolean released;

    @GuardedBy("lock")
    private @Nullable Thread thread;

    /// A text, and the caller that gets its result.
    private record Text(Continuation continuation, Caller caller) {}

    public GenerationLoop(LoadedModel model) {
        this.model = model;
        nextTokens = new NextTokens(model);
        blocks = model.newGenerationBlocks();
        cache = new KeyValueCache(blocks);
        scheduler = new Scheduler(
                cache, model.options().batchTokens(), model.options().maxSequences());
    }

    /// Makes a further caller, which takes part until it leaves.
    Caller enter() {
        lock.lock();
        try {
            Caller caller = new Caller(lock, scheduler, model.options());
            if (end == null) {
                callers.add(caller);
            } else {
                caller.end(end);
            }
            return caller;
        } finally {
            lock.unlock();
        }
    }

    public int blocksInUse() {
        lock.lock();
        try {
            return cache.inUse();
        } finally {
            lock.unlock();
        }
    }

    public long preemptions() {
        lock.lock();
        try {
            return scheduler.preemptions();
        } finally {
            lock.unlock();
        }
    }

    /// What was computed so far, and what the loop is working on.
    public Load load() {
        Tally computed = model.tally();
        lock.lock();
        try {
            return new Load(
                    computed.scoredTokens(),
                    computed.promptTokens(),
                    scheduler.sharedTokens() + computed.sharedTokens(),
                    computed.generatedTokens(),
                    computed.batches(),
                    computed.batchTokens(),
                    scheduler.running(),
                    scheduler.waiting(),
                    cache.inUse(),
                    cache.kept(),
                    cache.capacity(),
                    scheduler.preemptions());
        } finally {
            lock.unlock();
        }
    }

    /// Submits a text.
    ///
    /// @throws RuntimeException or Error: the reason why the caller cannot continue
    void add(Caller caller, Continuation continuation) {
        lock.lock();
        try {
            caller.submit(continuation.sequence());
            texts.put(continuation.sequence(), new Text(continuation, caller));
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /// Starts the thread when it is first needed.
    void start() {
        lock.lock();
        try {
            if (thread == null && end == null) {
                thread = Thread.ofPlatform()
                        .name("spark-qwen-generation")
                        .daemon()
                        .start(this::run);
            }
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        try {
            while (awaitWork()) {
                step();
            }
        } catch (RuntimeException | Error e) {
            end(e); // so that nobody waits for a thread that is gone
            throw e;
        }
    }

    /// @return false at the end
    private boolean awaitWork() {
        lock.lock();
        try {
            while (end == null && scheduler.isIdle()) {
                work.awaitUninterruptibly();
            }
            return end == null;
        } finally {
            lock.unlock();
        }
    }

    /// Computes one step; returns whether there was anything to compute.
    public boolean step() {
        Batch batch = plan();
        if (batch.slices().isEmpty()) {
            return false;
        }
        long chosen = batch.slices().stream().filter(Batch.Slice::last).count();
        try {
            model.onModel(transformer -> {
                compute(transformer, batch);
                return batch;
            });
        } catch (RuntimeException | Error e) {
            fail(batch, e);
            return true;
        }
        finish(batch, chosen);
        return true;
    }

    private Batch plan() {
        lock.lock();
        try {
            if (end != null) {
                return Batch.ofParts(List.of());
            }
            long preemptions = scheduler.preemptions();
            Scheduler.Plan plan = scheduler.plan();
            if (preemptions == 0 && scheduler.preemptions() > 0) {
                LOG.warn(
                        "the key/value cache of {} MiB is full: texts are stopped and computed again later. More"
                                + " memory, or keys and values in bfloat16, would be faster",
                        (blocks.capacity() * cache.layout().bytes()) >> 20);
            }
            if (plan.overflowing() != null) {
                Continuation continuation = text(plan.overflowing()).continuation();
                finish(continuation, continuation.overflow(scheduler.mostTokens()));
            }
            for (Caller caller : callers) {
                caller.offerRoom();
            }
            computing = !plan.batch().slices().isEmpty();
            return plan.batch();
        } finally {
            lock.unlock();
        }
    }

    /// Computes a batch, and chooses the next token of each text of which all tokens are computed.
    private void compute(Transformer transformer, Batch batch) {
        List<Batch.Slice> last =
                batch.slices().stream().filter(Batch.Slice::last).toList();
        int[] rows = last.stream().mapToInt(Batch.Slice::lastRow).toArray();
        MemorySegment hidden = transformer.forward(batch, rows);
        if (rows.length > 0) {
            nextTokens.choose(
                    transformer,
                    hidden,
                    last.stream().map(slice -> continuation(slice.sequence())).toList());
        }
    }

    private Continuation continuation(Sequence sequence) {
        lock.lock();
        try {
            return text(sequence).continuation();
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private Text text(Sequence sequence) {
        return Objects.requireNonNull(texts.get(sequence));
    }

    /// @param chosen number of tokens that were chosen with it
    private void finish(Batch batch, long chosen) {
        lock.lock();
        try {
            scheduler.computed(batch);
            model.tally().generated(batch, chosen);
            for (Batch.Slice slice : batch.slices()) {
                Text text = text(slice.sequence());
                if (slice.last()) {
                    text.caller().generated(slice.sequence());
                }
                Optional<Result> result = text.continuation().result();
                if (result.isPresent()) {
                    finish(text.continuation(), result.get());
                }
            }
            stopComputing();
        } finally {
            lock.unlock();
        }
    }

    /// Ends a text.
    @GuardedBy("lock")
    private void finish(Continuation continuation, Result result) {
        scheduler.end(continuation.sequence());
        Text text = Objects.requireNonNull(texts.remove(continuation.sequence()));
        text.caller().finish(continuation.sequence(), result);
    }

    /// Handles a batch that could not be computed. If a GPU's memory was short, smaller steps are tried. If the
    /// host's was, the batch's texts are rejected, and no others. Any other failure ends the run of every caller
    /// who has a text in it.
    private void fail(Batch batch, Throwable failure) {
        lock.lock();
        try {
            int tokens = batch.tokens().length;
            if (failure instanceof DeviceException e && model.batchLimit().lower(tokens, e)) {
                scheduler.takeBack(batch, model.batchLimit().tokens());
                stopComputing();
                return;
            }
            List<Text> failed = new ArrayList<>();
            for (Batch.Slice slice : batch.slices()) {
                failed.add(text(slice.sequence()));
            }
            if (failure instanceof OutOfMemoryError) {
                String reason = "out of memory in a step of %,d tokens (%s); give more, or fewer tokens to a batch"
                        .formatted(tokens, failure.getMessage());
                LOG.error(reason, failure);
                for (Text text : failed) {
                    finish(text.continuation(), text.continuation().rejected(reason));
                }
            } else {
                Throwable reason = failure instanceof DeviceException e
                        ? model.batchLimit().failed(tokens, e)
                        : failure;
                for (Caller caller : failed.stream().map(Text::caller).collect(Collectors.toSet())) {
                    caller.fail(reason);
                    remove(caller);
                }
            }
            stopComputing();
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private void stopComputing() {
        computing = false;
        for (Caller caller : leaving) {
            remove(caller);
        }
        leaving.clear();
    }

    /// Removes a caller and ends its texts, at once or after the step that is being computed.
    void leave(Caller caller) {
        lock.lock();
        try {
            boolean first = caller.close();
            if (first && computing) {
                leaving.add(caller);
            } else if (first) {
                remove(caller);
            }
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private void remove(Caller caller) {
        caller.leave();
        texts.values().removeIf(text -> text.caller() == caller);
        callers.remove(caller);
    }

    /// Waits for the step that is being computed. Runs that continue fail.
    @Override
    public void close() {
        Thread last = end(new IllegalStateException("the engine is closed"));
        if (last != null) {
            joinUninterruptibly(last);
        }
        lock.lock();
        try {
            if (!released) {
                released = true;
                for (Caller caller : List.copyOf(callers)) {
                    remove(caller);
                }
                blocks.close();
            }
        } finally {
            lock.unlock();
        }
    }

    /// Ends the loop: there is no further step, and no run continues.
    ///
    /// @return the thread, if there is one
    private @Nullable Thread end(Throwable reason) {
        lock.lock();
        try {
            if (end == null) {
                end = reason;
                for (Caller caller : callers) {
                    caller.end(reason);
                }
                work.signal();
            }
            return thread;
        } finally {
            lock.unlock();
        }
    }

    private static void joinUninterruptibly(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
