package org.sparkqwen.engine.sampling;

import java.io.Serializable;
import java.util.List;

/// Rules about the tokens that a text must not have, and those with which it must end, as in transformers' settings of
/// the same names.
///
/// @param noRepeatNgramSize no sequence of this many tokens comes twice in prompt and text; 0 for no limit
/// @param badWords sequences of ids that are never completed
/// @param suppress ids that are never chosen
/// @param beginSuppress ids that are not chosen as the first of a text
/// @param forcedEos ids of which one is the last that there is room for; empty for no such rule
public record TokenRules(
        int noRepeatNgramSize,
        List<List<Integer>> badWords,
        List<Integer> suppress,
        List<Integer> beginSuppress,
        List<Integer> forcedEos)
        implements Serializable {

    public static final TokenRules NONE = new TokenRules(0, List.of(), List.of(), List.of(), List.of());

    public TokenRules {
        Requirement.require(
                noRepeatNgramSize >= 0, "no-repeat-ngram-size must be at least 0, not " + noRepeatNgramSize);
        Requirement.require(badWords.stream().noneMatch(List::isEmpty), "bad-words-ids must not be empty lists");
        badWords = badWords.stream().map(List::copyOf).toList();
        suppress = List.copyOf(suppress);
        beginSuppress = List.copyOf(beginSuppress);
        forcedEos = List.copyOf(forcedEos);
    }

    public TokenRules withNoRepeatNgramSize(int value) {
        return new TokenRules(value, badWords, suppress, beginSuppress, forcedEos);
    }
}
