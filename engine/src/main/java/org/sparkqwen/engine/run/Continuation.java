package org.sparkqwen.engine.run;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.TokenSet;
import org.sparkqwen.engine.kernels.TokenChoice;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.Exponentials;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.sampling.RepetitionDetector;
import org.sparkqwen.engine.sampling.Sampler;
import org.sparkqwen.engine.scheduler.Sequence;

/// One text while it is generated: its tokens so far, how the next one is chosen, and whether it has ended.
final class Continuation {
    private final Request.Generate request;
    private final Ending ending;
    private final Sequence sequence;
    private final int promptTokens;
    private final int contextLeft;
    private final Set<Integer> endTokens;
    private final Sampler sampler;
    private final @Nullable ConstrainedText constrained;
    private final RepetitionDetector repetition;
    private final @Nullable GeneratedText text;
    private final ReasoningStart reasoningStart;
    private final boolean hasTools;
    private final OptionalInt closingTag;
    private final List<Integer> tokens = new ArrayList<>();
    private final List<Double> logProbabilities = new ArrayList<>();
    private final List<List<RankedToken>> best = new ArrayList<>();
    private Result.@Nullable FinishReason finishReason;
    private @Nullable String fault;
    private boolean reasoning; // the answer has not begun

    /// @throws RejectedContent if the model's tokens cannot form a text that the constraint allows
    Continuation(LoadedModel model, Request.Generate request, Prompt prompt) {
        this.request = request;
        ending = request.params().ending();
        sequence = new Sequence(prompt.tokens());
        promptTokens = prompt.tokens().length;
        contextLeft = model.config().maxPositions() - promptTokens;
        endTokens = new LinkedHashSet<>(ending.stopTokenIds());
        if (!ending.ignoreEos()) {
            endTokens.addAll(model.config().eosTokenIds());
        }
        sampler = new Sampler(request.params().sampling(), prompt.tokens(), request.sample());
        constrained = request.params().constraint() == null
                ? null
                : new ConstrainedText(model.compiled(request.params().constraint()), endTokens);
        repetition = new RepetitionDetector(ending.repetitions());
        text = model.tokenizer()
                .map(tokenizer -> new GeneratedText(
                        tokenizer, ending.stop(), request.params().specialTokensInText()))
                .orElse(null);
        hasTools = prompt.hasTools();
        reasoningStart = prompt.reasoning();
        reasoning = reasoningStart != ReasoningStart.NONE;
        closingTag = model.closingTag();
        if (reasoning && constrained != null && closingTag.isEmpty()) {
            throw new RejectedContent("the model has no token %s after which a constraint could begin"
                    .formatted(GeneratedText.CLOSING_TAG));
        }
    }

    Sequence sequence() {
        return sequence;
    }

    /// The result of a text that the cache has no room for.
    Result overflow(long mostTokens) {
        return rejected(
                "%,d tokens of prompt and text do not fit into the key/value cache, which holds %,d; give it more memory"
                        .formatted(sequence.length(), mostTokens));
    }

    Result rejected(String reason) {
        return new Result.Rejected(request.id(), reason);
    }

    /// Chooses the next token.
    ///
    /// @param logits `[choosable tokens]`: logits after the last token
    /// @param logSumExp log Σ exp of all tokens' logits
    /// @param likeliest the most likely of the tokens that may be chosen
    void advance(MemorySegment logits, double logSumExp, int likeliest, Exponentials exponentials) {
        if (hasFault(logSumExp)) {
            return;
        }
        TokenSet allowed = allowed();
        List<Integer> forced = forced(allowed);
        int token = forced.isEmpty()
                ? sampler.choose(logits, likeliest, allowed, forbidden(), exponentials)
                : sampler.chooseForced(forced);
        if (token == Sampler.NONE) {
            fault = noneLeft();
        } else {
            append(token, logits.getAtIndex(JAVA_FLOAT, token), logSumExp, logits);
        }
    }

    /// Says how the next token is chosen, for kernels that do it themselves. [#take] tells what they chose.
    TokenChoice choice() {
        TokenSet allowed = allowed();
        List<Integer> forced = forced(allowed);
        if (forced.isEmpty()) {
            return sampler.choice(allowed, forbidden());
        }
        int token = sampler.chooseForced(forced);
        if (token == Sampler.NONE) {
            fault = noneLeft();
        }
        return TokenChoice.ofForced(Math.max(0, token));
    }

    /// Takes the token that kernels chose.
    ///
    /// @param choice what [#choice] returned
    /// @param logit the token's logit
    /// @param logits `[choosable tokens]`, if [#ranks]
    void take(TokenChoice choice, int token, float logit, double logSumExp, @Nullable MemorySegment logits) {
        if (hasFault(logSumExp)) {
            return;
        }
        if (token == TokenChoice.NONE) {
            fault = noneLeft();
            return;
        }
        if (choice.forced() == TokenChoice.NONE) {
            sampler.accept(token);
        }
        append(token, logit, logSumExp, logits);
    }

    /// Whether the most likely tokens are wanted, too, which takes all logits.
    boolean ranks() {
        return request.params().best() > 0;
    }

    private boolean hasFault(double logSumExp) {
        if (Double.isNaN(logSumExp) || Double.isInfinite(logSumExp)) {
            fault = "the model's logits are not finite after token %d; its weights or activations overflow"
                    .formatted(sequence.length() - 1);
        }
        return fault != null;
    }

    private String noneLeft() {
        return "no token is left for the text's token %d: suppressed, bad and repeated ones leave none%s"
                .formatted(tokens.size(), allowed() == null ? "" : " of those that the constraint allows");
    }

    private boolean isBeforeConstraint() {
        return constrained != null && reasoning;
    }

    /// The tokens that the constraint allows; null for all.
    private @Nullable TokenSet allowed() {
        return constrained == null || reasoning ? null : constrained.allowed();
    }

    private boolean isEarly() {
        return tokens.size() < ending.minNewTokens();
    }

    private Set<Integer> forbidden() {
        return isEarly() || isBeforeConstraint() ? endTokens : Set.of();
    }

    private void append(int token, float logit, double logSumExp, @Nullable MemorySegment logits) {
        boolean early = isEarly();
        sequence.append(token);
        tokens.add(token);
        logProbabilities.add(logit - logSumExp);
        if (ranks()) {
            best.add(RankedToken.best(
                    Objects.requireNonNull(logits), logSumExp, request.params().best()));
        }
        finishReason = reasonToEnd(token, early);
    }

    /// The tokens of which one must be next: the forced end, if there is room for only one token. A constraint that
    /// cannot end there takes precedence.
    private List<Integer> forced(@Nullable TokenSet allowed) {
        if (isBeforeConstraint()) {
            return List.of();
        }
        boolean last = tokens.size() + 1 == Math.min(ending.maxNewTokens(), contextLeft);
        if (!last) {
            return List.of();
        }
        return request.params().sampling().rules().forcedEos().stream()
                .filter(token -> allowed == null || allowed.contains(token))
                .toList();
    }

    private Result.@Nullable FinishReason reasonToEnd(int token, boolean early) {
        if (endTokens.contains(token)) {
            if (text != null) {
                text.appendEnd(token);
            }
            return Result.FinishReason.STOP;
        }
        boolean stopped = text != null && text.append(token, !early);
        boolean complete = !reasoning && constrained != null && constrained.append(token);
        if (reasoning && text != null && closingTag.isPresent() && closingTag.getAsInt() == token) {
            reasoning = false;
            text.beginAnswer();
        }
        boolean repeats = repetition.add(token);
        if (stopped || complete) {
            return Result.FinishReason.STOP;
        }
        if (repeats) {
            return Result.FinishReason.REPETITION;
        }
        boolean full = tokens.size() == ending.maxNewTokens() || tokens.size() == contextLeft;
        return full ? Result.FinishReason.LENGTH : null;
    }

    /// The result, once the text has ended.
    Optional<Result> result() {
        if (fault != null) {
            return Optional.of(rejected(fault));
        }
        if (finishReason == null) {
            return Optional.empty();
        }
        GeneratedText.Shown shown = text == null ? null : text.finish(reasoningStart, constrained != null);
        ToolCalls calls = shown == null || !hasTools ? null : ToolCalls.of(shown.answer());
        return Optional.of(new Result.Generated(
                request.id(),
                calls != null ? calls.text() : shown == null ? null : shown.answer(),
                shown == null ? null : shown.reasoning(),
                calls == null ? null : calls.calls(),
                finishReason,
                promptTokens,
                List.copyOf(tokens),
                List.copyOf(logProbabilities),
                List.copyOf(best)));
    }
}
