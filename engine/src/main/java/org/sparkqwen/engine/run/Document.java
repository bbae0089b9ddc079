package org.sparkqwen.engine.run;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.model.TargetScores;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.Entropies;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Window;
import org.sparkqwen.engine.scoring.Windows;

/// A document, or a continuation of a prompt, while it is scored: the windows that are still to be computed, and what
/// is known of its tokens.
final class Document {
    private final Request.Score request;
    private final int[] tokens;
    private final int[] sequence; // the tokens, after those that precede them
    private final Deque<Window> windows; // those that are still to be computed
    private final double[] logProbabilities;
    private final @Nullable Moments moments; // of the distribution at each token's position
    private final List<List<RankedToken>> best; // each token's, or empty
    private boolean greedy = true; // as far as it is known
    private @Nullable String fault;

    private Document(Request.Score request, int[] before, int[] tokens) {
        this.request = request;
        this.tokens = tokens;
        sequence = Arrays.copyOf(before, before.length + tokens.length);
        System.arraycopy(tokens, 0, sequence, before.length, tokens.length);
        windows = new ArrayDeque<>(windows());
        logProbabilities = new double[tokens.length];
        Arrays.fill(logProbabilities, Double.NaN);
        moments = details().entropy() ? Moments.ofRows(tokens.length) : null;
        best = details().best() == 0
                ? List.of()
                : new ArrayList<>(Collections.nCopies(tokens.length, List.<RankedToken>of()));
    }

    /// @throws RejectedContent if it cannot be scored
    static Document of(LoadedModel model, Request.Score request) {
        Content prompt = request.prompt();
        if (prompt != null) {
            PromptedTokens split = PromptedTokens.of(model, prompt, request.content());
            int context = request.options().windows().context();
            if (split.continuation().length > context) {
                throw new RejectedContent("%,d tokens after the prompt do not fit into a context of %,d"
                        .formatted(split.continuation().length, context));
            }
            return new Document(request, split.prompt(), split.continuation());
        }
        int[] tokens = model.tokens(request.content());
        ScoringOptions options = request.options();
        OptionalInt prefix = model.documentPrefix().token(options.prefix(), options.windows());
        boolean hasIt = options.prefix() == ScoringOptions.Prefix.BOS
                && tokens.length > 1
                && prefix.equals(OptionalInt.of(tokens[0]));
        return hasIt
                ? new Document(request, Arrays.copyOf(tokens, 1), Arrays.copyOfRange(tokens, 1, tokens.length))
                : new Document(request, prefix.stream().toArray(), tokens);
    }

    /// The windows of the document. A continuation has one window: as much of the prompt's end as there is room
    /// for, and the continuation, whose last token the model need not read.
    private List<Window> windows() {
        if (request.prompt() == null) {
            return request.options().windows().cut(sequence.length);
        }
        int start =
                Math.max(0, sequence.length - 1 - request.options().windows().context());
        return List.of(new Window(start, sequence.length, before()));
    }

    /// The number of tokens of prefix or prompt.
    private int before() {
        return sequence.length - tokens.length;
    }

    /// Whether the document is a continuation of a prompt.
    boolean isPrompted() {
        return request.prompt() != null;
    }

    /// A key that is equal for continuations of the same prompt, as far as the model reads it, and for no other
    /// documents.
    Object group() {
        if (!isPrompted()) {
            return this;
        }
        Window window = windows.getFirst();
        return new TokenList(Arrays.copyOfRange(sequence, window.start(), window.firstTarget()));
    }

    /// The id of the request.
    long id() {
        return request.id();
    }

    /// What is computed of the model's distributions.
    ScoreDetails details() {
        return request.details();
    }

    /// The number of tokens that are scored.
    int tokens() {
        return tokens.length;
    }

    boolean hasWindow() {
        return !windows.isEmpty();
    }

    Window firstWindow() {
        return windows.getFirst();
    }

    void removeFirstWindow() {
        windows.removeFirst();
    }

    /// The number of tokens that the model reads in all windows that are left.
    long inputs() {
        return windows.stream().mapToLong(Window::inputs).sum();
    }

    /// The tokens that the model reads for a window. Each window of halves begins with the document's first token
    /// if that is the model's beginning token, as in llama-perplexity.
    int[] inputsOf(Window window) {
        int[] inputs = Arrays.copyOfRange(sequence, window.start(), window.start() + window.inputs());
        if (request.prompt() == null
                && request.options().windows() instanceof Windows.Half
                && request.options().prefix() == ScoringOptions.Prefix.BOS) {
            inputs[0] = sequence[0];
        }
        return inputs;
    }

    int tokenAt(int position) {
        return sequence[position];
    }

    /// Records the model's score of the token at `position`.
    ///
    /// @param row the token's index among the scores
    void record(int position, TargetScores scores, int row) {
        int token = position - before();
        double logProbability = scores.logProbabilities()[row];
        if (fault == null && !Double.isFinite(logProbability)) {
            fault = "the model gives token %d a log-probability of %s; its weights or activations overflow"
                    .formatted(token, logProbability);
        }
        logProbabilities[token] = logProbability;
        greedy &= scores.likeliest()[row];
        Moments computed = scores.moments();
        if (moments != null && computed != null) {
            moments.means()[token] = computed.means()[row];
            moments.deviations()[token] = computed.deviations()[row];
        }
        if (!best.isEmpty()) {
            List<RankedToken> ranked = scores.best().get(row);
            best.set(token, ranked.subList(0, Math.min(details().best(), ranked.size())));
        }
    }

    Result result() {
        if (fault != null) {
            return new Result.Rejected(request.id(), fault);
        }
        double minK = request.options().minKPercent();
        Entropies entropies =
                moments == null ? null : Entropies.of(logProbabilities, moments.means(), moments.deviations(), minK);
        DocumentScore score = DocumentScore.of(logProbabilities, minK).with(entropies, best);
        Boolean likeliest = request.prompt() == null ? null : greedy;
        return switch (request.content()) {
            case Content.Text given -> scored(score, likeliest, given.text());
            case Content.Parts given -> scored(score, likeliest, given.text());
            case Content.Framed _, Content.Chat _, Content.Tokens _, Content.Unreadable _ ->
                new Result.Scored(request.id(), score, likeliest, tokens, null, null);
        };
    }

    private Result.Scored scored(DocumentScore score, @Nullable Boolean likeliest, String text) {
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        return new Result.Scored(request.id(), score, likeliest, tokens, bytes, WhiteSpace.words(text));
    }
}
