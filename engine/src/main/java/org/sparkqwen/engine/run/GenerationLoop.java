package org.sparkqwen.engine.run;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.KeyValueCache;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Scheduler;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.scheduler.SequenceQueue;

/// Continuous batching for an engine: all callers' texts run in one batch, a step at a time, on a thread of its own. A
/// text that ends makes room for the next in the same step, whichever caller has it.
///
/// Callers submit texts and take results ([GenerationRun]). All state that they share with the thread is under one
/// lock, which the thread does not hold while the model computes.
public final class GenerationLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GenerationLoop.class);

    private final LoadedModel model;
    private final BlockPool blocks;
    private final KeyValueCache cache;
    private final Scheduler scheduler;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition(); // something to compute, or the end
    private final Map<Sequence, Text> texts = new HashMap<>();
    private final Set<GenerationRun> runs = new HashSet<>();
    private final List<GenerationRun> leaving = new ArrayList<>(); // closed while the model computes
    private boolean computing;
    private @Nullable Throwable end; // why there is no further step
    private boolean released;
    private @Nullable Thread thread;

    /// A text, and the run that gets its result.
    private record Text(Continuation continuation, GenerationRun run) {}

    public GenerationLoop(LoadedModel model) {
        this.model = model;
        blocks = model.newGenerationBlocks();
        cache = new KeyValueCache(blocks);
        scheduler = new Scheduler(
                cache, model.options().batchTokens(), model.options().maxSequences());
    }

    ReentrantLock lock() {
        return lock;
    }

    /// Opens a further caller's queue.
    SequenceQueue open() {
        lock.lock();
        try {
            return scheduler.open();
        } finally {
            lock.unlock();
        }
    }

    /// Registers a further caller.
    void enter(GenerationRun run) {
        lock.lock();
        try {
            runs.add(run);
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
                    scheduler.sharedTokens(),
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

    /// Submits a text. The caller holds the lock.
    void add(GenerationRun run, Continuation continuation) {
        texts.put(continuation.sequence(), new Text(continuation, run));
        scheduler.add(run.queue(), continuation.sequence());
        work.signal();
    }

    /// Starts the thread when it is first needed. The caller holds the lock.
    void start() {
        if (thread == null && end == null) {
            thread = Thread.ofPlatform().name("spark-qwen-generation").daemon().start(this::run);
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
            long preemptions = scheduler.preemptions();
            Scheduler.Plan plan = scheduler.plan();
            if (preemptions == 0 && scheduler.preemptions() > 0) {
                LOG.warn(
                        "the key/value cache of {} MiB is full: texts are stopped and computed again later. More"
                                + " memory, or keys and values in bfloat16, would be faster",
                        (blocks.capacity() * cache.layout().bytes()) >> 20);
            }
            if (plan.overflowing() != null) {
                Continuation continuation =
                        Objects.requireNonNull(texts.get(plan.overflowing())).continuation();
                finish(continuation, continuation.overflow(scheduler.mostTokens()));
            }
            runs.forEach(GenerationRun::step);
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
        if (rows.length == 0) {
            return;
        }
        MemorySegment logits = transformer.logits(hidden, rows.length);
        double[] sums = transformer.logSumExp(logits, rows.length);
        int choosable = model.outputVocabulary().size();
        int[] likeliest = transformer.likeliest(logits, rows.length, choosable);
        long rowBytes = (long) model.config().vocabSize() * Float.BYTES;
        long choosableBytes = (long) choosable * Float.BYTES;
        List<Continuation> continuations =
                last.stream().map(slice -> continuation(slice.sequence())).toList();
        transformer.each(
                rows.length,
                i -> continuations
                        .get(i)
                        .advance(
                                logits.asSlice(i * rowBytes, choosableBytes),
                                sums[i],
                                likeliest[i],
                                transformer::exponentials));
    }

    private Continuation continuation(Sequence sequence) {
        lock.lock();
        try {
            return Objects.requireNonNull(texts.get(sequence)).continuation();
        } finally {
            lock.unlock();
        }
    }

    /// @param chosen number of tokens that were chosen with it
    private void finish(Batch batch, long chosen) {
        lock.lock();
        try {
            scheduler.computed(batch);
            model.tally().generated(batch, chosen);
            for (Batch.Slice slice : batch.slices()) {
                Text text = Objects.requireNonNull(texts.get(slice.sequence()));
                if (slice.last()) {
                    text.run().chosen(slice.sequence());
                }
                Continuation continuation = text.continuation();
                continuation.result().ifPresent(result -> finish(continuation, result));
            }
            stopComputing();
        } finally {
            lock.unlock();
        }
    }

    /// Ends a text. The caller holds the lock.
    private void finish(Continuation continuation, Result result) {
        scheduler.end(continuation.sequence());
        Text text = Objects.requireNonNull(texts.remove(continuation.sequence()));
        text.run().finished(continuation.sequence(), result);
    }

    /// Handles a batch that could not be computed. If memory was short, its texts are rejected, and no others. Any
    /// other failure ends every run that has a text in it.
    private void fail(Batch batch, Throwable failure) {
        lock.lock();
        try {
            List<Text> failed = batch.slices().stream()
                    .map(slice -> Objects.requireNonNull(texts.get(slice.sequence())))
                    .toList();
            if (failure instanceof OutOfMemoryError) {
                String reason = "out of memory in a step of %,d tokens (%s); give more, or lower --batch-tokens"
                        .formatted(batch.tokens().length, failure.getMessage());
                LOG.error(reason, failure);
                failed.forEach(
                        text -> finish(text.continuation(), text.continuation().rejected(reason)));
            } else {
                Set<GenerationRun> runs = failed.stream().map(Text::run).collect(Collectors.toSet());
                runs.forEach(run -> run.failed(failure));
                runs.forEach(this::remove);
            }
            stopComputing();
        } finally {
            lock.unlock();
        }
    }

    private void stopComputing() {
        computing = false;
        leaving.forEach(this::remove);
        leaving.clear();
    }

    /// Removes a run and ends its texts, at once or after the step that is being computed.
    void leave(GenerationRun run) {
        lock.lock();
        try {
            if (computing) {
                leaving.add(run);
            } else {
                remove(run);
            }
        } finally {
            lock.unlock();
        }
    }

    private void remove(GenerationRun run) {
        scheduler.close(run.queue());
        texts.values().removeIf(text -> text.run() == run);
        runs.remove(run);
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
                List.copyOf(runs).forEach(this::remove);
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
                runs.forEach(run -> run.failed(reason));
                work.signal();
            }
            return thread;
        } finally {
            lock.unlock();
        }
    }

    /// @throws IllegalStateException if the loop has ended
    void checkOpen() {
        if (end != null) {
            throw new IllegalStateException(end.getMessage(), end);
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
