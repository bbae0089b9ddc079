package org.sparkqwen.engine.scheduler;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.cache.BlockTable;
import org.sparkqwen.engine.cache.KeyValueCache;

/// Plans which tokens of which sequences the next step computes: continuous batching with a budget of tokens.
///
/// There are no phases of prefill and decode. A step first gives every running sequence its pending tokens, the oldest
/// first: one for a text that is being generated, as many as fit of a prompt. The rest of the budget goes to sequences
/// that wait, from the caller who has the fewest running. When the cache is full, the youngest sequence loses its
/// blocks and is computed again later (preemption). The oldest never does, so there is always progress.
///
/// None of this changes a result, which depends on a sequence's tokens alone. Not safe for several threads.
public final class Scheduler {
    private final KeyValueCache cache;
    private int batchTokens;
    private final int maxSequences;
    private final List<SequenceQueue> queues = new ArrayList<>();
    private final List<Sequence> running = new ArrayList<>(); // the oldest first
    private final Deque<Sequence> preempted = new ArrayDeque<>(); // the oldest first
    private final Map<Sequence, SequenceQueue> queueOf = new HashMap<>();
    private long admissions;
    private long preemptions;
    private long sharedTokens;

    /// @param batchTokens the most tokens of a step
    /// @param maxSequences the most sequences that run at the same time
    public Scheduler(KeyValueCache cache, int batchTokens, int maxSequences) {
        this.cache = cache;
        this.batchTokens = batchTokens;
        this.maxSequences = maxSequences;
    }

    /// Opens a further caller's queue, which is served in turn with the others.
    public SequenceQueue open() {
        SequenceQueue queue = new SequenceQueue();
        queues.add(queue);
        return queue;
    }

    public void add(SequenceQueue queue, Sequence sequence) {
        queueOf.put(sequence, queue);
        queue.add(sequence);
    }

    /// Whether there is nothing to compute.
    public boolean isIdle() {
        return queueOf.isEmpty();
    }

    /// The most tokens of a sequence that the cache can hold.
    public long mostTokens() {
        return (long) cache.capacity() * cache.layout().tokens();
    }

    /// The number of times that a sequence lost its blocks to others.
    public long preemptions() {
        return preemptions;
    }

    /// The number of sequences that have room in the cache.
    public int running() {
        return running.size();
    }

    /// The number of sequences that wait for room.
    public int waiting() {
        return queueOf.size() - running.size();
    }

    /// The number of tokens whose keys and values were in the cache when their sequences first got room.
    public long sharedTokens() {
        return sharedTokens;
    }

    /// The plan of a step.
    ///
    /// @param batch the tokens to compute
    /// @param overflowing a sequence that the whole cache cannot hold, or null
    public record Plan(Batch batch, @Nullable Sequence overflowing) {}

    /// Plans the next step. The planned tokens count as computed once [#computed] follows.
    public Plan plan() {
        List<Batch.Part> parts = new ArrayList<>();
        Sequence overflowing = null;
        int budget = batchTokens;
        for (int i = 0; i < running.size() && budget > 0; i++) {
            Sequence sequence = running.get(i);
            int tokens = Math.min(sequence.pending(), budget);
            if (makeRoom(sequence, sequence.computed() + tokens)) {
                budget -= add(parts, sequence, tokens);
            } else if (i == 0) {
                overflowing = sequence;
            }
        }
        Set<Sequence> postponed = new HashSet<>();
        while (overflowing == null && budget > 0 && running.size() < maxSequences) {
            Optional<Sequence> next = next(postponed);
            if (next.isEmpty()) {
                break;
            }
            Sequence sequence = next.get();
            KeyValueCache.Found found = cache.find(sequence.tokens(), sequence.length() - 1);
            if (found.waits()) {
                postponed.add(sequence);
            } else if (admit(sequence, found)) {
                budget -= add(parts, sequence, Math.min(sequence.pending(), budget));
            } else {
                overflowing = running.isEmpty() ? sequence : null;
                break;
            }
        }
        return new Plan(Batch.ofParts(parts), overflowing);
    }

    /// Gives a running sequence blocks, and takes them from the youngest sequences where it must.
    ///
    /// @return false if it was the youngest itself
    private boolean makeRoom(Sequence sequence, int positions) {
        while (!cache.grow(sequence.table(), positions)) {
            Sequence youngest = running.getLast();
            stop(youngest);
            preempted.addFirst(youngest);
            preemptions++;
            if (youngest == sequence) {
                return false;
            }
        }
        return true;
    }

    /// Adds a running sequence's next tokens to a step, and lets others find its prompt.
    private int add(List<Batch.Part> parts, Sequence sequence, int tokens) {
        int end = sequence.computed() + tokens;
        cache.grow(sequence.table(), end);
        if (sequence.computed() < sequence.promptTokens()) {
            cache.offer(sequence.table(), sequence.tokens(), sequence.promptTokens(), end);
        }
        parts.add(new Batch.Part(sequence, tokens));
        return tokens;
    }

    /// The next sequence to get room: one that lost it, or the first of the caller who has the fewest running, and
    /// among those has waited longest.
    private Optional<Sequence> next(Set<Sequence> postponed) {
        Stream<Sequence> waiting = queues.stream()
                .sorted(Comparator.<SequenceQueue>comparingInt(queue -> queue.running)
                        .thenComparingLong(queue -> queue.served))
                .flatMap(queue -> queue.waiting.stream());
        return Stream.concat(preempted.stream(), waiting)
                .filter(sequence -> !postponed.contains(sequence))
                .findFirst();
    }

    /// Starts a sequence if the cache has room for all of its known tokens, and for every running sequence to
    /// continue for a while.
    private boolean admit(Sequence sequence, KeyValueCache.Found found) {
        BlockTable table = cache.open(found);
        int needed = cache.layout().blocks(sequence.length()) - found.whole().size();
        if (cache.available() < needed + running.size()) {
            cache.release(table);
            return false;
        }
        int whole = found.whole().size() * cache.layout().tokens();
        int shared = whole + cache.copyPartial(table, found);
        sharedTokens += sequence.start(table, shared) ? shared : 0;
        running.add(sequence);
        preempted.remove(sequence);
        SequenceQueue queue = queueOf(sequence);
        queue.remove(sequence);
        queue.running++;
        queue.served = ++admissions;
        return true;
    }

    /// Notes that the model has computed a batch.
    public void computed(Batch batch) {
        batch.slices().forEach(slice -> cache.computed(slice.table()));
    }

    /// Takes back a planned batch that could not be computed. Its sequences lose their blocks, and are computed
    /// again.
    ///
    /// @param mostTokens the most tokens of a step from now on
    public void takeBack(Batch batch, int mostTokens) {
        batchTokens = mostTokens;
        for (Batch.Slice slice : batch.slices().reversed()) {
            stop(slice.sequence());
            preempted.addFirst(slice.sequence());
        }
    }

    /// Ends a sequence, and frees its blocks.
    public void end(Sequence sequence) {
        if (running.contains(sequence)) {
            stop(sequence);
        }
        preempted.remove(sequence);
        SequenceQueue queue = queueOf.remove(sequence);
        if (queue != null) {
            queue.remove(sequence);
        }
    }

    /// Ends all of a caller's sequences.
    public void close(SequenceQueue queue) {
        List<Sequence> sequences = queueOf.keySet().stream()
                .filter(sequence -> queueOf.get(sequence) == queue)
                .toList();
        sequences.forEach(this::end);
        queues.remove(queue);
    }

    private void stop(Sequence sequence) {
        running.remove(sequence);
        cache.release(sequence.table());
        sequence.stop();
        queueOf(sequence).running--;
    }

    private SequenceQueue queueOf(Sequence sequence) {
        return Objects.requireNonNull(queueOf.get(sequence));
    }
}
