package org.sparkqwen.job.executor;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.ScoringProgress;
import org.sparkqwen.engine.scoring.ScoreDetails;

/// Scores each request with a model, and then with a reference model. The reference model pulls what the model has
/// scored when it has room for more, so both take turns, batch by batch, and only the rows of some batches wait here.
///
/// It yields the model's results. [#reference] has the reference model's result that belongs to the last one.
final class ReferenceRun implements Iterator<Result> {
    private final Iterator<Result> first;
    private final Iterator<Result> second;
    private final Map<Long, Request.Score> requests = new HashMap<>();
    private final Map<Long, Result.Scored> scored = new HashMap<>();
    private final Deque<Result.Rejected> rejected = new ArrayDeque<>();
    private Result.@Nullable Scored reference;

    /// @param progress is told what the model computes
    ReferenceRun(Engine model, Engine referenceModel, Iterator<Request.Score> given, ScoringProgress progress) {
        first = model.score(remembered(given), progress);
        second = referenceModel.score(again());
    }

    private Iterator<Request.Score> remembered(Iterator<Request.Score> given) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return given.hasNext();
            }

            @Override
            public Request.Score next() {
                Request.Score request = given.next();
                requests.put(request.id(), request);
                return request;
            }
        };
    }

    /// The requests that the model has scored, for the reference model. Those that it has rejected are put aside.
    private Iterator<Request.Score> again() {
        return new Iterator<>() {
            private Request.@Nullable Score next;

            @Override
            public boolean hasNext() {
                while (next == null && first.hasNext()) {
                    Result result = first.next();
                    Request.Score request = Objects.requireNonNull(requests.remove(result.id()));
                    if (result instanceof Result.Scored its) {
                        scored.put(its.id(), its);
                        next = new Request.Score(
                                request.id(),
                                request.prompt(),
                                request.content(),
                                request.options(),
                                ScoreDetails.NONE);
                    } else {
                        rejected.add((Result.Rejected) result);
                    }
                }
                return next != null;
            }

            @Override
            public Request.Score next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                Request.Score request = Objects.requireNonNull(next);
                next = null;
                return request;
            }
        };
    }

    @Override
    public boolean hasNext() {
        // Whether there is a second result is known only when the model has no more, or has scored a row.
        return !rejected.isEmpty() || second.hasNext() || !rejected.isEmpty();
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        reference = null;
        if (!rejected.isEmpty()) {
            return rejected.removeFirst();
        }
        Result result = second.next();
        Result.Scored its = Objects.requireNonNull(scored.remove(result.id()));
        if (result instanceof Result.Rejected refused) {
            return new Result.Rejected(its.id(), "the reference model: " + refused.reason());
        }
        Result.Scored other = (Result.Scored) result;
        if (!Arrays.equals(its.tokens(), other.tokens())
                || its.score().tokensScored() != other.score().tokensScored()) {
            return new Result.Rejected(its.id(), "the reference model: its tokenizer splits the text otherwise");
        }
        reference = other;
        return its;
    }

    /// Returns the reference model's result of the row that [#next] returned last.
    ///
    /// @throws NullPointerException if that row was rejected
    Result.Scored reference() {
        return Objects.requireNonNull(reference);
    }
}
