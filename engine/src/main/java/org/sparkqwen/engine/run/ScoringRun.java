package org.sparkqwen.engine.run;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.model.TargetScores;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.ScoringProgress;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.Window;
import org.sparkqwen.engine.sizing.WorkingMemory;

/// Scores one caller's documents. It cuts them into windows, packs windows of any documents into batches, and yields a
/// document when its last window is done.
public final class ScoringRun implements Iterator<Result> {
    private final LoadedModel model;
    private final Iterator<Request.Score> requests;
    private final ScoringProgress progress;
    private final Deque<Document> waiting = new ArrayDeque<>();
    private final Deque<Result> finished = new ArrayDeque<>();
    private long waitingTokens;

    public ScoringRun(LoadedModel model, Iterator<Request.Score> requests, ScoringProgress progress) {
        this.model = model;
        this.requests = requests;
        this.progress = progress;
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
            while (finished.isEmpty() && waitingTokens < model.options().batchTokens() && requests.hasNext()) {
                accept(requests.next());
            }
            if (finished.isEmpty() && !waiting.isEmpty()) {
                score(nextBatch());
            }
        }
        return finished.removeFirst();
    }

    private void accept(Request.Score request) {
        int context = request.options().windows().context();
        if (context > model.config().maxPositions()) {
            throw new IllegalArgumentException("a context of %,d tokens; the model has %,d"
                    .formatted(context, model.config().maxPositions()));
        }
        try {
            Document document = Document.of(model, request);
            if (document.hasWindow()) {
                waiting.add(document);
                waitingTokens += document.inputs();
            } else {
                finished.add(document.result());
            }
        } catch (RejectedContent e) {
            finished.add(new Result.Rejected(request.id(), e.reason()));
        }
    }

    /// The windows from the front of the queue that fit into a batch together. There is at least one, so a window
    /// longer than a batch is computed alone.
    private List<Task> nextBatch() {
        List<Task> tasks = new ArrayList<>();
        int batchTokens = model.options().batchTokens();
        int tokens = 0;
        int blocks = 0;
        while (!waiting.isEmpty()) {
            Document document = waiting.getFirst();
            Window window = document.firstWindow();
            blocks += Math.ceilDiv(window.inputs(), KeyValueBlock.TOKENS);
            boolean fits = tokens + window.inputs() <= batchTokens && blocks <= WorkingMemory.mostBlocks(batchTokens);
            if (!tasks.isEmpty() && !fits) {
                break;
            }
            document.removeFirstWindow();
            boolean last = !document.hasWindow();
            if (last) {
                waiting.removeFirst();
            }
            tokens += window.inputs();
            tasks.add(new Task(document, window, last));
        }
        waitingTokens -= tokens;
        return tasks;
    }

    private void score(List<Task> tasks) {
        TargetScores scores = model.onModel(transformer -> targetScores(transformer, tasks));
        int next = 0;
        for (Task task : tasks) {
            next = task.take(scores, next);
            Document document = task.document();
            if (task.last()) {
                finished.add(document.result());
            } else {
                progress.computed(document.id(), task.window().targets(), document.tokens());
            }
        }
    }

    /// Computes the model's scores of each window's targets, in the order of the batch. The row before a target
    /// predicts it.
    private TargetScores targetScores(Transformer transformer, List<Task> tasks) {
        List<Sequence> sequences = new ArrayList<>();
        try {
            for (Task task : tasks) {
                sequences.add(model.newScoringSequence(task.document().inputsOf(task.window())));
            }
            Batch batch = Batch.of(sequences);
            int count = tasks.stream().mapToInt(task -> task.window().targets()).sum();
            int[] rows = new int[count];
            int[] targets = new int[count];
            int next = 0;
            for (int i = 0; i < tasks.size(); i++) {
                Task task = tasks.get(i);
                Window window = task.window();
                int firstRow = batch.slices().get(i).row();
                for (int position = window.firstTarget(); position < window.end(); position++) {
                    rows[next] = firstRow + position - window.start() - 1;
                    targets[next] = task.document().tokenAt(position);
                    next++;
                }
            }
            MemorySegment hidden = transformer.forward(batch, rows);
            TargetScores scores = transformer.score(hidden, targets, details(tasks));
            model.tally().scored(batch);
            return scores;
        } finally {
            sequences.forEach(model::endScoring);
        }
    }

    /// The details that some document of a batch asks for. A document takes of them what it asked for itself.
    private static ScoreDetails details(List<Task> tasks) {
        boolean entropy = false;
        int best = 0;
        for (Task task : tasks) {
            ScoreDetails details = task.document().details();
            entropy |= details.entropy();
            best = Math.max(best, details.best());
        }
        return new ScoreDetails(entropy, best);
    }

    /// A window, the document it belongs to, and whether it is that document's last.
    private record Task(Document document, Window window, boolean last) {
        /// Records the scores of the window's targets from index `from` on; returns the index after them.
        int take(TargetScores scores, int from) {
            int next = from;
            for (int position = window.firstTarget(); position < window.end(); position++) {
                document.record(position, scores, next);
                next++;
            }
            return next;
        }
    }
}
