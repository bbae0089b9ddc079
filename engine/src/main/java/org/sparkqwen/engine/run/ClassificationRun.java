package org.sparkqwen.engine.run;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;

/// Classifies one caller's texts. It scores each label as a continuation of its prompt, which is computed once for all
/// of them, and yields a result when the last label is scored.
public final class ClassificationRun implements Iterator<Result> {
    private final LoadedModel model;
    private final Iterator<Request.Classify> requests;
    private final Map<Long, Label> asked = new HashMap<>(); // by the ids of what is scored
    private final Deque<Request.Score> next = new ArrayDeque<>();
    private final Deque<Result> finished = new ArrayDeque<>();
    private final ScoringRun run;
    private long nextId;

    /// A label of a prompt that waits for its score.
    private record Label(Pending prompt, int index) {}

    /// A request that waits for scores of labels.
    private static final class Pending {
        private final Request.Classify request;
        private final LabelledPrompt tokens;
        private final double[] logProbabilities;
        private int missing;
        private @Nullable String fault;

        Pending(Request.Classify request, LabelledPrompt tokens) {
            this.request = request;
            this.tokens = tokens;
            missing = tokens.labels().size();
            logProbabilities = new double[missing];
        }

        Result result() {
            return fault == null
                    ? Result.Classified.of(
                            request.id(),
                            request.labels(),
                            logProbabilities,
                            tokens.prompt().length,
                            tokens.labelTokens(),
                            tokens.truncated())
                    : new Result.Rejected(request.id(), fault);
        }
    }

    public ClassificationRun(LoadedModel model, Iterator<Request.Classify> requests) {
        this.model = model;
        this.requests = requests;
        run = new ScoringRun(model, labels(), (id, tokens, all) -> {});
    }

    /// The number of tokens of prompts so far, a prompt counted for each of its labels.
    public long promptTokens() {
        return run.promptTokens();
    }

    /// The number of those tokens that were computed for another label or prompt, and so were not computed again.
    public long sharedTokens() {
        return run.sharedTokens();
    }

    @Override
    public boolean hasNext() {
        return run.hasNext() || !finished.isEmpty(); // in this order, because the first may finish rejected requests
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        while (finished.isEmpty()) {
            take(run.next());
        }
        return finished.removeFirst();
    }

    /// Makes the requests of the labels. It skips requests that are rejected.
    private Iterator<Request.Score> labels() {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                while (next.isEmpty() && requests.hasNext()) {
                    accept(requests.next());
                }
                return !next.isEmpty();
            }

            @Override
            public Request.Score next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return next.removeFirst();
            }
        };
    }

    private void accept(Request.Classify request) {
        if (request.context() > model.config().maxPositions()) {
            throw new IllegalArgumentException("a context of %,d tokens; the model has %,d"
                    .formatted(request.context(), model.config().maxPositions()));
        }
        try {
            LabelledPrompt tokens = LabelledPrompt.of(model, request);
            Pending pending = new Pending(request, tokens);
            ScoringOptions options = new ScoringOptions(
                    new Windows.Rolling(Math.max(2, request.context())),
                    ScoringOptions.Prefix.NONE,
                    ScoringOptions.DEFAULT_MIN_K);
            Content prompt = new Content.Tokens(tokens.prompt());
            for (int i = 0; i < tokens.labels().size(); i++) {
                Content label = new Content.Tokens(tokens.labels().get(i));
                asked.put(nextId, new Label(pending, i));
                next.add(new Request.Score(nextId++, prompt, label, options));
            }
        } catch (RejectedContent e) {
            finished.add(new Result.Rejected(request.id(), e.reason()));
        }
    }

    private void take(Result result) {
        Label label = Objects.requireNonNull(asked.remove(result.id()));
        Pending pending = label.prompt();
        switch (result) {
            case Result.Scored scored ->
                pending.logProbabilities[label.index()] = -scored.score().sumNll();
            case Result.Rejected rejected -> {
                String name = pending.request.labels().names().get(label.index());
                pending.fault = "the label '%s': %s".formatted(Quote.of(name), rejected.reason());
            }
            case Result.Generated _, Result.Classified _, Result.Embedded _ ->
                throw new IllegalStateException("no score: " + result);
        }
        if (--pending.missing == 0) {
            finished.add(pending.result());
        }
    }
}
