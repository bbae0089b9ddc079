package org.sparkqwen.engine.run;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.sizing.WorkingMemory;

/// Embeds one caller's texts. It packs texts of any lengths into batches, and computes no logits.
///
/// The embedding of a text is the hidden state of its last token after the final norm, with length 1.
public final class EmbeddingRun implements Iterator<Result> {
    private final LoadedModel model;
    private final Iterator<Request.Embed> requests;
    private final Deque<EmbeddedText> waiting = new ArrayDeque<>();
    private final Deque<Result> finished = new ArrayDeque<>();
    private long waitingTokens;

    public EmbeddingRun(LoadedModel model, Iterator<Request.Embed> requests) {
        this.model = model;
        this.requests = requests;
    }

    @Override
    public boolean hasNext() {
        return !finished.isEmpty() || !waiting.isEmpty() || requests.hasNext();
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        while (finished.isEmpty()) {
            while (finished.isEmpty() && waitingTokens < model.batchLimit().tokens() && requests.hasNext()) {
                accept(requests.next());
            }
            if (finished.isEmpty() && !waiting.isEmpty()) {
                embed(nextBatch());
            }
        }
        return finished.removeFirst();
    }

    private void accept(Request.Embed request) {
        try {
            EmbeddedText text = EmbeddedText.of(model, request);
            waiting.add(text);
            waitingTokens += text.tokens().length;
        } catch (RejectedContent e) {
            finished.add(new Result.Rejected(request.id(), e.reason()));
        }
    }

    /// The texts from the front of the queue that fit into a batch together. There is at least one, so a text
    /// longer than a batch is computed alone.
    private List<EmbeddedText> nextBatch() {
        List<EmbeddedText> batch = new ArrayList<>();
        int batchTokens = model.batchLimit().tokens();
        int tokens = 0;
        int blocks = 0;
        while (!waiting.isEmpty()) {
            int more = waiting.getFirst().tokens().length;
            blocks += Math.ceilDiv(more, KeyValueBlock.TOKENS);
            boolean fits = tokens + more <= batchTokens && blocks <= WorkingMemory.mostBlocks(batchTokens);
            if (!batch.isEmpty() && !fits) {
                break;
            }
            tokens += more;
            batch.add(waiting.removeFirst());
        }
        waitingTokens -= tokens;
        return batch;
    }

    /// Computes a batch, in two halves if the GPU has no memory for all of it.
    private void embed(List<EmbeddedText> texts) {
        float[][] states;
        try {
            states = model.onModel(transformer -> lastStates(transformer, texts));
        } catch (DeviceException e) {
            int tokens = texts.stream().mapToInt(text -> text.tokens().length).sum();
            model.batchLimit().halves(texts, tokens, e).forEach(this::embed);
            return;
        }
        for (int i = 0; i < states.length; i++) {
            finished.add(texts.get(i).result(states[i]));
        }
    }

    /// Computes the hidden state of each text's last token, `[texts, hidden]`.
    private float[][] lastStates(Transformer transformer, List<EmbeddedText> texts) {
        List<Sequence> sequences = new ArrayList<>();
        try {
            for (EmbeddedText text : texts) {
                sequences.add(model.newScoringSequence(text.tokens()));
            }
            Batch batch = Batch.of(sequences);
            int[] rows = batch.slices().stream().mapToInt(Batch.Slice::lastRow).toArray();
            transformer.forward(batch, rows);
            MemorySegment hidden = transformer.hiddenOnHost(rows.length);
            int width = model.config().hiddenSize();
            float[][] states = new float[rows.length][width];
            for (int i = 0; i < rows.length; i++) {
                MemorySegment.copy(hidden, JAVA_FLOAT, (long) i * width * Float.BYTES, states[i], 0, width);
            }
            model.tally().scored(batch, 0);
            return states;
        } finally {
            sequences.forEach(model::endScoring);
        }
    }
}
