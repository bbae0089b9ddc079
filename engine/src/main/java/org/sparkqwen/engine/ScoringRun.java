package org.sparkqwen.engine;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Window;

/// Scores one caller's documents: cuts them into windows, packs windows of any documents into batches, and yields a
/// document when its last window is done.
final class ScoringRun implements Iterator<Result> {
    private final Engine engine;
    private final Iterator<Request.Score> requests;
    private final Deque<Document> waiting = new ArrayDeque<>();
    private final Deque<Result> finished = new ArrayDeque<>();
    private long waitingTokens;

    ScoringRun(Engine engine, Iterator<Request.Score> requests) {
        this.engine = engine;
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
            while (finished.isEmpty() && waitingTokens < engine.options().batchTokens() && requests.hasNext()) {
                accept(requests.next());
            }
            if (finished.isEmpty() && !waiting.isEmpty()) {
                score(nextBatch());
            }
        }
        return finished.removeFirst();
    }

    private void accept(Request.Score request) {
        ScoringOptions options = request.options();
        if (options.context() > engine.config().maxPositions()) {
            throw new IllegalArgumentException("a context of %,d tokens; the model has %,d"
                    .formatted(options.context(), engine.config().maxPositions()));
        }
        try {
            Document document = new Document(request, engine.tokens(request.content()), engine.prefixToken());
            if (document.windows.isEmpty()) {
                finished.add(document.result());
            } else {
                waiting.add(document);
                waitingTokens += document.windowTokens();
            }
        } catch (RejectedContent e) {
            finished.add(new Result.Rejected(request.id(), e.reason()));
        }
    }

    /// Windows from the front of the queue that fit into a batch together; at least one, so that a window longer
    /// than a batch is computed alone.
    private List<Task> nextBatch() {
        List<Task> tasks = new ArrayList<>();
        int batchTokens = engine.options().batchTokens();
        int tokens = 0;
        int blocks = 0;
        while (!waiting.isEmpty()) {
            Document document = waiting.getFirst();
            Window window = document.windows.getFirst();
            blocks += Math.ceilDiv(window.length(), KeyValueBlock.TOKENS);
            boolean fits = tokens + window.length() <= batchTokens && blocks <= WorkingMemory.mostBlocks(batchTokens);
            if (!tasks.isEmpty() && !fits) {
                break;
            }
            document.windows.removeFirst();
            boolean last = document.windows.isEmpty();
            if (last) {
                waiting.removeFirst();
            }
            tokens += window.length();
            tasks.add(new Task(document, window, last));
        }
        waitingTokens -= tokens;
        return tasks;
    }

    private void score(List<Task> tasks) {
        double[] logProbabilities = engine.onModel(transformer -> targetLogProbabilities(transformer, tasks));
        int next = 0;
        for (Task task : tasks) {
            next = task.take(logProbabilities, next);
            if (task.last()) {
                finished.add(task.document().result());
            }
        }
    }

    /// The log-probability of each window's targets, in the order of the batch: the row before a target predicts
    /// it.
    private double[] targetLogProbabilities(Transformer transformer, List<Task> tasks) {
        List<Sequence> sequences = new ArrayList<>();
        try {
            for (Task task : tasks) {
                sequences.add(engine.newScoringSequence(task.document().tokensOf(task.window())));
            }
            Batch batch = Batch.of(sequences);
            int count = tasks.stream().mapToInt(task -> task.window().targets()).sum();
            int[] rows = new int[count];
            int[] targets = new int[count];
            int next = 0;
            for (int i = 0; i < tasks.size(); i++) {
                Window window = tasks.get(i).window();
                int firstRow = batch.slices().get(i).row();
                for (int position = window.firstTarget(); position < window.end(); position++) {
                    int row = firstRow + position - window.start();
                    rows[next] = row - 1;
                    targets[next] = batch.tokens()[row];
                    next++;
                }
            }
            MemorySegment hidden = transformer.forward(batch, rows);
            return transformer.logProbabilities(hidden, targets);
        } finally {
            sequences.forEach(engine::endScoring);
        }
    }

    /// A window, the document it belongs to, and whether it is that document's last.
    private record Task(Document document, Window window, boolean last) {
        /// Takes the window's log-probabilities from index `from` on; returns the index after them.
        int take(double[] logProbabilities, int from) {
            int next = from;
            for (int position = window.firstTarget(); position < window.end(); position++) {
                document.record(position, logProbabilities[next++]);
            }
            return next;
        }
    }

    private static final class Document {
        private final Request.Score request;
        private final int[] tokens;
        private final int[] sequence; // the tokens, after the prefix if there is one
        private final int prefix;
        private final Deque<Window> windows; // those that are still to be computed
        private final double[] logProbabilities;
        private @Nullable String fault;

        Document(Request.Score request, int[] tokens, OptionalInt prefixToken) {
            this.request = request;
            this.tokens = tokens;
            boolean prefixed = request.options().prefix() == ScoringOptions.Prefix.EOS && prefixToken.isPresent();
            prefix = prefixed ? 1 : 0;
            sequence = new int[prefix + tokens.length];
            if (prefixed) {
                sequence[0] = prefixToken.getAsInt();
            }
            System.arraycopy(tokens, 0, sequence, prefix, tokens.length);
            ScoringOptions options = request.options();
            windows = new ArrayDeque<>(Window.strided(sequence.length, options.context(), options.stride()));
            logProbabilities = new double[tokens.length];
            Arrays.fill(logProbabilities, Double.NaN);
        }

        long windowTokens() {
            return windows.stream().mapToLong(Window::length).sum();
        }

        int[] tokensOf(Window window) {
            return Arrays.copyOfRange(sequence, window.start(), window.end());
        }

        void record(int position, double logProbability) {
            if (fault == null && !Double.isFinite(logProbability)) {
                fault = "the model gives token %d a log-probability of %s; its weights or activations overflow"
                        .formatted(position - prefix, logProbability);
            }
            logProbabilities[position - prefix] = logProbability;
        }

        Result result() {
            if (fault != null) {
                return new Result.Rejected(request.id(), fault);
            }
            DocumentScore score =
                    DocumentScore.of(logProbabilities, request.options().minKPercent());
            return switch (request.content()) {
                case Content.Text given -> scored(score, given.text());
                case Content.Parts given -> scored(score, given.text());
                case Content.Chat _, Content.Tokens _, Content.Unreadable _ ->
                    new Result.Scored(request.id(), score, tokens, null, null);
            };
        }

        private Result.Scored scored(DocumentScore score, String text) {
            int bytes = text.getBytes(StandardCharsets.UTF_8).length;
            return new Result.Scored(request.id(), score, tokens, bytes, words(text));
        }

        /// Runs of characters that are not white space.
        private static int words(String text) {
            int words = 0;
            boolean inWord = false;
            for (int i = 0, c; i < text.length(); i += Character.charCount(c)) {
                c = text.codePointAt(i);
                boolean space = Character.isWhitespace(c) || Character.isSpaceChar(c);
                if (!space && !inWord) {
                    words++;
                }
                inWord = !space;
            }
            return words;
        }
    }
}
