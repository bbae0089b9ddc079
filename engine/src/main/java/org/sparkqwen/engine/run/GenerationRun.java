package org.sparkqwen.engine.run;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;

/// One caller's continuations. It submits requests to the engine's [GenerationLoop] as long as there is room for them
/// to wait, and takes the results as they come.
///
/// Use it from one thread. What it shares with the loop's thread is in its [Caller].
public final class GenerationRun implements Iterator<Result>, AutoCloseable {
    private static final long LOOK_MILLIS = 200;

    private final LoadedModel model;
    private final GenerationLoop loop;
    private final Caller caller;
    private final Iterator<Request.Generate> requests;
    private final BooleanSupplier cancelled;
    private final LongConsumer progress;
    private long missing; // results of requests that were submitted

    private GenerationRun(
            LoadedModel model,
            GenerationLoop loop,
            Caller caller,
            Iterator<Request.Generate> requests,
            BooleanSupplier cancelled,
            LongConsumer progress) {
        this.model = model;
        this.loop = loop;
        this.caller = caller;
        this.requests = requests;
        this.cancelled = cancelled;
        this.progress = progress;
    }

    /// Opens a run as a further caller of `loop`.
    ///
    /// @param requests pulled only when there is room for more to wait
    /// @param cancelled asked while the run waits for a result
    /// @param progress told while the run waits how many tokens the unfinished texts have
    public static GenerationRun open(
            LoadedModel model,
            GenerationLoop loop,
            Iterator<Request.Generate> requests,
            BooleanSupplier cancelled,
            LongConsumer progress) {
        return new GenerationRun(model, loop, loop.enter(), requests, cancelled, progress);
    }

    /// The number of prompt tokens of texts that have ended.
    public long promptTokens() {
        return caller.promptTokens();
    }

    /// The number of those tokens that came from the KV cache, because other prompts have them in common, and were
    /// not computed again.
    public long sharedTokens() {
        return caller.sharedTokens();
    }

    /// The number of tokens generated so far for texts that have not ended.
    public long tokensInWork() {
        return caller.tokensInWork();
    }

    @Override
    public boolean hasNext() {
        return !caller.isClosed() && (missing > 0 || requests.hasNext());
    }

    @Override
    public Result next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        Result result;
        do {
            feed();
            result = await();
        } while (result == null);
        missing--;
        if (!hasNext()) {
            close();
        }
        return result;
    }

    /// Submits requests while there is room. It fetches them without the lock, because that may take time.
    public void feed() {
        while (caller.wantsText()) {
            if (cancelled.getAsBoolean()) {
                throw new CancellationException("cancelled while requests were read");
            }
            if (requests.hasNext()) {
                accept(requests.next());
            } else {
                caller.exhaust();
            }
        }
    }

    private void accept(Request.Generate request) {
        missing++;
        try {
            Prompt prompt = prompt(model, request);
            loop.add(caller, new Continuation(model, request, prompt));
        } catch (RejectedContent e) {
            caller.put(new Result.Rejected(request.id(), e.reason()));
        }
    }

    /// Turns a request's content into a prompt that leaves room for a text.
    ///
    /// @throws RejectedContent if there is none
    static Prompt prompt(LoadedModel model, Request.Generate request) {
        Prompt prompt = model.prompt(request.content());
        int tokens = prompt.tokens().length;
        if (tokens >= model.config().maxPositions()) {
            throw new RejectedContent("a prompt of %,d tokens leaves no room in a context of %,d"
                    .formatted(tokens, model.config().maxPositions()));
        }
        return prompt;
    }

    /// Takes a result. If there is none, it waits until there may be one, or room for another request, and returns
    /// null.
    private @Nullable Result await() {
        try {
            Result result = caller.poll();
            if (result == null) {
                progress.accept(caller.tokensInWork());
                if (cancelled.getAsBoolean()) {
                    throw new CancellationException("cancelled while texts were generated");
                }
                loop.start();
                caller.awaitNews(LOOK_MILLIS);
            }
            return result;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            CancellationException exception = new CancellationException("interrupted while texts were generated");
            exception.initCause(e);
            throw exception;
        }
    }

    /// Ends the run and drops unfinished texts.
    @Override
    public void close() {
        loop.leave(caller);
    }
}
