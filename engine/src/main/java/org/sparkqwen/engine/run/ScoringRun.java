package org.sparkqwen.engine.run;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.model.PendingScores;
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
///
/// Continuations of one prompt go into one batch, where the prompt is computed once ([TokenTree]). They are found among
/// the requests that wait, which are many, so they need not follow each other.
public final class ScoringRun implements Iterator<Result> {
    /// The number of tokens of requests that are looked through for continuations of one prompt.
    private static final int LOOK_AHEAD = 1 << 17;

    private final LoadedModel model;
    private final Iterator<Request.Score> requests;
    private final ScoringProgress progress;
    private final DocumentQueue waiting = new DocumentQueue();
    private final Deque<Result> finished = new ArrayDeque<>();
    private @Nullable StartedBatch started; // on a device, while the next batch is prepared
    private boolean prompted; // whether the last request has a prompt
    private long promptTokens;
    private long sharedTokens;

    public ScoringRun(LoadedModel model, Iterator<Request.Score> requests, ScoringProgress progress) {
        this.model = model;
        this.requests = requests;
        this.progress = progress;
    }

    /// The number of tokens of prompts in front of the continuations so far, a prompt counted for each of them.
    public long promptTokens() {
        return promptTokens;
    }

    /// The number of those tokens that were computed for another continuation, and so were not computed again.
    public long sharedTokens() {
        return sharedTokens;
    }

    @Override
    public boolean hasNext() {
        return !finished.isEmpty() || started != null || !waiting.isEmpty() || requests.hasNext();
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        while (finished.isEmpty()) {
            while (finished.isEmpty() && hasRoom() && requests.hasNext()) {
                accept(requests.next());
            }
            if (finished.isEmpty()) {
                score();
            }
        }
        return finished.removeFirst();
    }

    /// Returns whether one more request may wait.
    private boolean hasRoom() {
        int batchTokens = model.batchLimit().tokens();
        return waiting.tokens() < (prompted ? Math.max(LOOK_AHEAD, batchTokens) : batchTokens);
    }

    private void accept(Request.Score request) {
        prompted = request.prompt() != null;
        int context = request.options().windows().context();
        if (context > model.config().maxPositions()) {
            throw new IllegalArgumentException("a context of %,d tokens; the model has %,d"
                    .formatted(context, model.config().maxPositions()));
        }
        try {
            Document document = Document.of(model, request);
            if (document.hasWindow()) {
                waiting.add(document);
            } else {
                finished.add(document.result());
            }
        } catch (RejectedContent e) {
            finished.add(new Result.Rejected(request.id(), e.reason()));
        }
    }

    /// The windows from the front of the queue that fit into a batch together. There is at least one, so a window
    /// longer than a batch is computed alone. Continuations of a prompt are not divided if a batch of their own has
    /// room for them, because the prompt is computed in each batch.
    private List<Task> nextBatch(TokenTree tree) {
        List<Task> tasks = new ArrayList<>();
        DocumentQueue.@Nullable Group looked = null; // it is known whether it fits
        int batchTokens = model.batchLimit().tokens();
        int targets = 0;
        while (!waiting.isEmpty()) {
            DocumentQueue.Group group = waiting.first();
            if (group != looked && group.documents.size() > 1) {
                GroupSize size = GroupSize.of(group.documents);
                boolean fits = size.fits(batchTokens, tree.tokens(), tree.blocks(), targets);
                if (!tasks.isEmpty() && !fits && size.fits(batchTokens, 0, 0, 0)) {
                    break;
                }
                looked = group;
            }
            Document document = group.documents.getFirst();
            Window window = document.firstWindow();
            int[] inputs = document.inputsOf(window);
            TokenTree.Match match = match(tree, document, inputs);
            boolean fits = tree.tokens() + match.newTokens() <= batchTokens
                    && tree.blocks() + match.newBlocks() <= WorkingMemory.mostBlocks(batchTokens)
                    && targets + window.targets() <= batchTokens;
            if (!tasks.isEmpty() && !fits) {
                break;
            }
            waiting.removeWindow();
            targets += window.targets();
            tasks.add(new Task(document, window, tree.add(inputs, match), !document.hasWindow()));
            if (document.isPrompted()) {
                int prompt = window.firstTarget() - window.start();
                promptTokens += prompt;
                sharedTokens += Math.min(prompt, match.common());
            }
        }
        return tasks;
    }

    /// Finds what a window has in common with a batch. Only continuations of prompts have anything.
    private static TokenTree.Match match(TokenTree tree, Document document, int[] inputs) {
        return document.isPrompted() ? tree.match(inputs) : TokenTree.Match.ofNothing(inputs.length);
    }

    /// The most that a batch may need for continuations of one prompt.
    private record GroupSize(long tokens, long blocks, long targets) {
        static GroupSize of(Deque<Document> group) {
            Window first = group.getFirst().firstWindow();
            int prompt = first.firstTarget() - first.start();
            long tokens = prompt;
            long blocks = Math.ceilDiv(prompt, KeyValueBlock.TOKENS);
            long targets = 0;
            for (Document document : group) {
                Window window = document.firstWindow();
                tokens += window.inputs() - prompt;
                blocks += window.inputs() == prompt
                        ? 0
                        : Math.ceilDiv(window.inputs(), KeyValueBlock.TOKENS) - prompt / KeyValueBlock.TOKENS;
                targets += window.targets();
            }
            return new GroupSize(tokens, blocks, targets);
        }

        /// Returns whether a batch that has something already has room for the group.
        boolean fits(int batchTokens, int usedTokens, int usedBlocks, int usedTargets) {
            return usedTokens + tokens <= batchTokens
                    && usedBlocks + blocks <= WorkingMemory.mostBlocks(batchTokens)
                    && usedTargets + targets <= batchTokens;
        }
    }

    /// Starts the next batch, if there is one, and takes the scores of the one before, which a device computed
    /// meanwhile. On the processor, a batch is done when it was started.
    private void score() {
        if (!waiting.isEmpty()) {
            TokenTree tree = new TokenTree();
            long sharedBefore = sharedTokens;
            List<Task> tasks = nextBatch(tree);
            start(tree, tasks, sharedTokens - sharedBefore);
        } else if (started != null) {
            take(started);
            started = null;
        }
    }

    /// Starts a batch, in two halves if the GPU has no memory for all of it.
    private void start(TokenTree tree, List<Task> tasks, long shared) {
        StartedBatch batch;
        try {
            batch = new StartedBatch(
                    tasks, model.onModel(transformer -> targetScores(transformer, tree, tasks, shared)));
        } catch (DeviceException e) {
            for (List<Task> half : model.batchLimit().halves(tasks, tree.tokens(), e)) {
                TokenTree smaller = new TokenTree();
                start(smaller, half.stream().map(task -> task.in(smaller)).toList(), 0);
            }
            return;
        }
        StartedBatch before = started;
        started = batch.scores().isDone() ? null : batch;
        if (before != null) {
            take(before);
        }
        if (started == null) {
            take(batch);
        }
    }

    /// Waits for a batch, and records its scores.
    private void take(StartedBatch batch) {
        TargetScores scores = batch.scores().await();
        List<Task> tasks = batch.tasks();
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

    /// Starts to compute the model's scores of each window's targets, in the order of the tasks. The row before a
    /// target predicts it. The blocks of the batch may be used again at once, because batches are computed one
    /// after the other.
    private PendingScores targetScores(Transformer transformer, TokenTree tree, List<Task> tasks, long shared) {
        List<Sequence> sequences = new ArrayList<>();
        try {
            Batch batch = tree.batch(model, sequences);
            int count = tasks.stream().mapToInt(task -> task.window().targets()).sum();
            int[] rows = new int[count];
            int[] targets = new int[count];
            int next = 0;
            for (Task task : tasks) {
                Window window = task.window();
                for (int position = window.firstTarget(); position < window.end(); position++) {
                    rows[next] = tree.row(task.node(), position - window.start() - 1);
                    targets[next] = task.document().tokenAt(position);
                    next++;
                }
            }
            MemorySegment hidden = transformer.forward(batch, rows);
            PendingScores scores = transformer.startScore(hidden, targets, details(tasks));
            model.tally().scored(batch, shared);
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

    /// A batch, and the scores that it will have.
    private record StartedBatch(List<Task> tasks, PendingScores scores) {}

    /// A window of a document, and its place in the batch.
    ///
    /// @param node the node of the last token that the model reads
    /// @param last whether the window is the document's last
    private record Task(Document document, Window window, TokenTree.Node node, boolean last) {
        /// Adds the window to another batch.
        Task in(TokenTree tree) {
            int[] inputs = document.inputsOf(window);
            return new Task(document, window, tree.add(inputs, match(tree, document, inputs)), last);
        }

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
