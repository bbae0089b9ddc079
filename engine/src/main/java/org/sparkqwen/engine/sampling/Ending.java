package org.sparkqwen.engine.sampling;

import java.io.Serializable;
import java.util.List;

/// The conditions under which a text ends.
///
/// @param maxNewTokens the most tokens to generate
/// @param minNewTokens number of tokens before which no end token is chosen and no stop text is searched
/// @param stop texts that end the output, which ends before the first of them
/// @param stopTokenIds ids that end the output, beside the model's end-of-text ids
/// @param ignoreEos whether the model's end-of-text ids are treated as ordinary tokens
/// @param repetitions a text ends when its last tokens are the same sequence as many times in a row as this; 0 for
///     never
public record Ending(
        int maxNewTokens,
        int minNewTokens,
        List<String> stop,
        List<Integer> stopTokenIds,
        boolean ignoreEos,
        int repetitions)
        implements Serializable {

    public Ending {
        Requirement.require(maxNewTokens >= 1, "max-new-tokens must be at least 1, not " + maxNewTokens);
        Requirement.require(
                minNewTokens >= 0 && minNewTokens <= maxNewTokens,
                "min-new-tokens must be from 0 to max-new-tokens %d, not %d".formatted(maxNewTokens, minNewTokens));
        Requirement.require(stop.stream().noneMatch(String::isEmpty), "a stop text must not be empty");
        Requirement.require(
                repetitions == 0 || repetitions >= 2,
                "stop-repetition must be at least 2, or 0 for never, not " + repetitions);
        stop = List.copyOf(stop);
        stopTokenIds = List.copyOf(stopTokenIds);
    }

    /// Ends a text at an end-of-text token of the model, or after `maxNewTokens` tokens.
    public static Ending after(int maxNewTokens) {
        return new Ending(maxNewTokens, 0, List.of(), List.of(), false, 0);
    }

    public Ending withMaxNewTokens(int value) {
        return new Ending(value, minNewTokens, stop, stopTokenIds, ignoreEos, repetitions);
    }

    public Ending withMinNewTokens(int value) {
        return new Ending(maxNewTokens, value, stop, stopTokenIds, ignoreEos, repetitions);
    }

    public Ending withStop(List<String> value) {
        return new Ending(maxNewTokens, minNewTokens, value, stopTokenIds, ignoreEos, repetitions);
    }

    public Ending withStopTokenIds(List<Integer> value) {
        return new Ending(maxNewTokens, minNewTokens, stop, value, ignoreEos, repetitions);
    }

    public Ending withIgnoreEos(boolean value) {
        return new Ending(maxNewTokens, minNewTokens, stop, stopTokenIds, value, repetitions);
    }

    public Ending withRepetitions(int value) {
        return new Ending(maxNewTokens, minNewTokens, stop, stopTokenIds, ignoreEos, value);
    }
}
