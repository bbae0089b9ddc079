package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.CodePoints;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Strings of certain lengths that are in certain languages.
///
/// @param least the smallest number of characters
/// @param most the greatest number of characters, or [Language#UNBOUNDED]
/// @param languages automata of values and not of JSON texts; deterministic
record StringSet(int least, int most, List<Automaton> languages, Origin origin) implements Values {
    static StringSet all() {
        return new StringSet(0, Language.UNBOUNDED, List.of(), Origin.IMPLIED);
    }

    private boolean isAll() {
        return least == 0 && most == Language.UNBOUNDED && languages.isEmpty();
    }

    /// Returns all strings as an automaton over characters.
    Automaton values() {
        return values(Language.repeat(CodePoints.automaton(CodePoints.ALL), least, most));
    }

    /// Returns the strings of these languages, whatever their length.
    Automaton valuesOfAnyLength() {
        return values(Language.repeat(CodePoints.automaton(CodePoints.ALL), 0, Language.UNBOUNDED));
    }

    private Automaton values(Automaton some) {
        Automaton values = Language.deterministic(some);
        for (Automaton language : languages) {
            values = Language.deterministic(Language.intersection(values, language));
        }
        return values;
    }

    @Override
    public Values withOrigin(Origin other) {
        return new StringSet(least, most, languages, other);
    }

    @Override
    public @Nullable Values and(Values other, Meanings meanings) {
        if (other instanceof ListedValues listed) {
            return listed.and(this, meanings);
        }
        if (!(other instanceof StringSet strings)) {
            return null;
        }
        List<Automaton> both = Meanings.joined(languages, strings.languages);
        int shortest = Math.max(least, strings.least);
        int longest = Language.lower(most, strings.most);
        return longest != Language.UNBOUNDED && longest < shortest
                ? null
                : new StringSet(shortest, longest, both, origin.and(strings.origin));
    }

    @Override
    public List<Values> minus(Values other, Meanings meanings) {
        Automaton without;
        switch (other) {
            case ListedValues listed -> {
                List<String> texts = listed.values().stream()
                        .filter(value -> contains(value, meanings))
                        .map(JsonNode::textValue)
                        .toList();
                if (texts.isEmpty()) {
                    return List.of(this);
                }
                without = Language.ofTexts(texts);
            }
            case StringSet strings -> {
                if (strings.isAll()) {
                    return List.of();
                }
                without = strings.values();
            }
            default -> {
                return List.of(this);
            }
        }
        List<Automaton> rest = new ArrayList<>(languages);
        rest.add(Language.deterministic(Language.except(all().values(), without)));
        StringSet left = new StringSet(least, most, rest, origin);
        return left.isNever(meanings) ? List.of() : List.of(left);
    }

    @Override
    public boolean contains(JsonNode value, Meanings meanings) {
        return value.isTextual() && contains(value.textValue());
    }

    boolean contains(String text) {
        int length = text.codePointCount(0, text.length());
        return least <= length
                && (most == Language.UNBOUNDED || length <= most)
                && languages.stream().allMatch(each -> Operations.run(each, text));
    }

    @Override
    public boolean isNever(Meanings meanings) {
        if (most != Language.UNBOUNDED && most < least) {
            return true;
        }
        try {
            return !languages.isEmpty() && Operations.isEmpty(values());
        } catch (RefusedConstraint _) {
            return false; // it is too large to tell
        }
    }
}
