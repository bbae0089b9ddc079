package org.sparkqwen.engine.sampling;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.Constraint;

/// All parameters of a generated text.
///
/// @param best how many of the most likely tokens are returned for each position; 0 for none
/// @param constraint the constraint that the text must satisfy; null for none
/// @param specialTokensInText whether the text shows special tokens, such as `<|im_end|>`
public record GenerationParams(
        SamplingParams sampling,
        Ending ending,
        int best,
        @Nullable Constraint constraint,
        boolean specialTokensInText) implements Serializable {
    /// The most tokens that may be returned for a position.
    public static final int MOST_BEST = 100;

    public GenerationParams {
        Requirement.require(
                best >= 0 && best <= MOST_BEST, "logprobs must be from 0 to %d, not %d".formatted(MOST_BEST, best));
        if (constraint != null) {
            Requirement.require(
                    ending.equals(Ending.after(ending.maxNewTokens()).withRepetitions(ending.repetitions())),
                    "a text with a constraint ends where the constraint says:"
                            + " give no stop, stop-token-id, min-new-tokens or ignore-eos with it");
        }
    }

    /// Makes parameters of a text that is shown without its special tokens.
    public GenerationParams(SamplingParams sampling, Ending ending, int best, @Nullable Constraint constraint) {
        this(sampling, ending, best, constraint, false);
    }

    /// Makes parameters of a text without a constraint.
    public GenerationParams(SamplingParams sampling, Ending ending) {
        this(sampling, ending, 0, null);
    }

    public GenerationParams withSampling(SamplingParams value) {
        return new GenerationParams(value, ending, best, constraint, specialTokensInText);
    }

    public GenerationParams withEnding(Ending value) {
        return new GenerationParams(sampling, value, best, constraint, specialTokensInText);
    }

    public GenerationParams withBest(int value) {
        return new GenerationParams(sampling, ending, value, constraint, specialTokensInText);
    }

    public GenerationParams withConstraint(@Nullable Constraint value) {
        return new GenerationParams(sampling, ending, best, value, specialTokensInText);
    }

    public GenerationParams withSpecialTokensInText(boolean value) {
        return new GenerationParams(sampling, ending, best, constraint, value);
    }
}
