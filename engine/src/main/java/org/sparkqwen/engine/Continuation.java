package org.sparkqwen.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.sampling.Sampler;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scheduler.Sequence;

/// One text being generated: its tokens so far, how the next is chosen, and whether it has ended.
final class Continuation {
    private final Request.Generate request;
    private final SamplingParams params;
    private final Sequence sequence;
    private final int promptTokens;
    private final int contextLeft;
    private final List<Integer> endTokens;
    private final Sampler sampler;
    private final @Nullable StopText text;
    private final List<Integer> tokens = new ArrayList<>();
    private final List<Double> logProbabilities = new ArrayList<>();
    private Result.@Nullable FinishReason finishReason;
    private @Nullable String fault;

    Continuation(Engine engine, Request.Generate request, int[] prompt) {
        this.request = request;
        params = request.params();
        sequence = new Sequence(prompt);
        promptTokens = prompt.length;
        contextLeft = engine.config().maxPositions() - prompt.length;
        endTokens = new ArrayList<>(engine.config().eosTokenIds());
        endTokens.addAll(params.stopTokenIds());
        sampler = new Sampler(params, prompt, request.sample());
        text = engine.tokenizer()
                .map(tokenizer -> new StopText(tokenizer.streamingDecoder(), params.stop()))
                .orElse(null);
    }

    Sequence sequence() {
        return sequence;
    }

    /// The result of a text that the cache has no room for.
    Result overflow(long mostTokens) {
        return new Result.Rejected(
                request.id(),
                "%,d tokens of prompt and text do not fit into the key/value cache, which holds %,d; give it more memory"
                        .formatted(sequence.length(), mostTokens));
    }

    /// Chooses the next token.
    ///
    /// @param logits after the last token, of those that may be chosen
    /// @param logSumExp of all tokens' logits
    /// @param likeliest of those that may be chosen
    void advance(MemorySegment logits, double logSumExp, int likeliest) {
        if (Double.isNaN(logSumExp) || Double.isInfinite(logSumExp)) {
            fault = "the model's logits are not finite after token %d; its weights or activations overflow"
                    .formatted(sequence.length() - 1);
            return;
        }
        int token = sampler.choose(logits, likeliest);
        sequence.append(token);
        tokens.add(token);
        logProbabilities.add(logits.getAtIndex(JAVA_FLOAT, token) - logSumExp);
        if (endTokens.contains(token)) {
            finishReason = Result.FinishReason.STOP;
        } else if (text != null && text.append(token)) {
            finishReason = Result.FinishReason.STOP;
        } else if (tokens.size() == params.maxNewTokens() || tokens.size() == contextLeft) {
            finishReason = Result.FinishReason.LENGTH;
        }
    }

    /// The result, once the text has ended.
    Optional<Result> result() {
        if (fault != null) {
            return Optional.of(new Result.Rejected(request.id(), fault));
        }
        if (finishReason == null) {
            return Optional.empty();
        }
        return Optional.of(new Result.Generated(
                request.id(),
                text == null ? null : text.finish(),
                finishReason,
                promptTokens,
                List.copyOf(tokens),
                List.copyOf(logProbabilities)));
    }
}
