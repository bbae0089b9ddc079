package org.sparkqwen.engine;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.scheduler.Batch;

/// Generates one caller's continuations. Each step advances every running text by a token; a text that ends makes room
/// for the next request.
public final class GenerationRun implements Iterator<Result>, AutoCloseable {
    private final Engine engine;
    private final Iterator<Request.Generate> requests;
    private final List<Continuation> running = new ArrayList<>();
    private final Deque<Result> finished = new ArrayDeque<>();
    private boolean closed;

    GenerationRun(Engine engine, Iterator<Request.Generate> requests) {
        this.engine = engine;
        this.requests = requests;
    }

    @Override
    public boolean hasNext() {
        return !closed && (!finished.isEmpty() || !running.isEmpty() || requests.hasNext());
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        while (finished.isEmpty()) {
            advance();
        }
        return finished.removeFirst();
    }

    /// Takes in requests while there is room, and then computes the prompts of the new texts and a token of the
    /// others; nothing while a result waits to be taken.
    void advance() {
        while (finished.isEmpty() && hasRoom() && requests.hasNext()) {
            accept(requests.next());
        }
        if (finished.isEmpty() && !running.isEmpty()) {
            step();
        }
    }

    /// New prompts are computed with the next step; they come in as long as those before them leave room in a
    /// batch.
    private boolean hasRoom() {
        int pending = running.stream()
                .mapToInt(continuation -> continuation.sequence().pending())
                .sum();
        return running.size() < engine.options().maxSequences()
                && pending < engine.options().batchTokens();
    }

    private void accept(Request.Generate request) {
        try {
            int[] prompt = engine.tokens(request.content());
            if (prompt.length >= engine.config().maxPositions()) {
                throw new RejectedContent("a prompt of %,d tokens leaves no room in a context of %,d"
                        .formatted(prompt.length, engine.config().maxPositions()));
            }
            running.add(new Continuation(engine, request, prompt));
        } catch (RejectedContent e) {
            finished.add(new Result.Rejected(request.id(), e.reason()));
        }
    }

    private void step() {
        engine.onModel(transformer -> {
            Batch batch = Batch.of(running.stream().map(Continuation::sequence).toList());
            compute(transformer, batch);
            return batch;
        });
        for (Iterator<Continuation> each = running.iterator(); each.hasNext(); ) {
            Continuation continuation = each.next();
            continuation.result().ifPresent(result -> {
                finished.add(result);
                continuation.sequence().close();
                each.remove();
            });
        }
    }

    private void compute(Transformer transformer, Batch batch) {
        int[] lastRows = batch.slices().stream().mapToInt(Batch.Slice::lastRow).toArray();
        MemorySegment hidden = transformer.forward(batch, lastRows);
        MemorySegment logits = transformer.logits(hidden, lastRows.length);
        long rowBytes = (long) engine.config().vocabSize() * Float.BYTES;
        for (int i = 0; i < lastRows.length; i++) {
            MemorySegment row = logits.asSlice(i * rowBytes, rowBytes);
            running.get(i).advance(row, transformer.logSumExp(row));
        }
    }

    /// Ends the run and frees the key/value cache of texts that are not finished.
    @Override
    public void close() {
        closed = true;
        running.forEach(continuation -> continuation.sequence().close());
        running.clear();
    }
}
