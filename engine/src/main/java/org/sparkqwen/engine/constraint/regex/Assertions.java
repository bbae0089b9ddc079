package org.sparkqwen.engine.constraint.regex;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.sparkqwen.engine.constraint.automaton.CodePoints;
import org.sparkqwen.engine.constraint.automaton.Language;

/// The assertions of regular expressions about places between characters: `^`, `$`, `\b`, `\B`, and
/// look-around.
///
/// While an expression is parsed, each assertion is a label of its own that stands among the characters,
/// wherever it occurs. Afterwards, the automaton of the expression is intersected with the automaton of all
/// texts in which labels stand only where their assertions are true. Then the labels are made silent, so that
/// they read nothing.
final class Assertions {
    private static final int FIRST = Character.MAX_CODE_POINT + 1;
    private static final int BEGINNING = FIRST;
    private static final int END = FIRST + 1;
    private static final int BOUNDARY = FIRST + 2;
    private static final int NO_BOUNDARY = FIRST + 3;
    private static final int FIRST_LOOK = FIRST + 4;

    /// The kinds of what may follow a place, one bit each: a character of a word, another character, or the
    /// end of the text.
    private static final int WORD_NEXT = 1;

    private static final int OTHER_NEXT = 2;
    private static final int END_NEXT = 4;
    private static final int ANYTHING_NEXT = 7;

    /// The kinds of what may be before a place.
    private static final int NOTHING_BEFORE = 0;

    private static final int WORD_BEFORE = 1;
    private static final int OTHER_BEFORE = 2;

    private static final Automaton PLACES = places();
    private static final Automaton ANY = repeated(CodePoints.automaton(CodePoints.ALL));

    private final List<Look> looks = new ArrayList<>();
    private boolean used;

    /// A look-around.
    ///
    /// @param texts what it looks for, followed or preceded by any texts
    private record Look(boolean ahead, boolean negative, Automaton texts) {}

    /// Asserts the beginning of the text.
    Automaton beginning() {
        return label(BEGINNING);
    }

    /// Asserts the end of the text.
    Automaton end() {
        return label(END);
    }

    /// Asserts that a word begins or ends.
    Automaton boundary() {
        return label(BOUNDARY);
    }

    /// Asserts that no word begins or ends.
    Automaton noBoundary() {
        return label(NO_BOUNDARY);
    }

    private Automaton label(int label) {
        used = true;
        return Automata.makeChar(label);
    }

    /// Asserts that certain texts are before or behind this place, or that they are not.
    ///
    /// @param body the texts; their only assertions may be the end of the text if it looks ahead, and
    ///     otherwise its beginning
    Automaton look(boolean ahead, boolean negative, Automaton body) {
        Automaton texts = Language.concatenate(ahead ? List.of(body, ANY) : List.of(ANY, body));
        looks.add(new Look(ahead, negative, placed(texts)));
        return label(FIRST_LOOK + looks.size() - 1);
    }

    /// Returns the texts of an expression in which every assertion is true, without the labels.
    Automaton resolve(Automaton expression) {
        if (!used) {
            return expression;
        }
        Automaton held = expression;
        for (int i = 0; i < looks.size(); i++) {
            held = Language.intersection(held, allowed(looks.get(i), FIRST_LOOK + i));
        }
        return placed(held);
    }

    private Automaton placed(Automaton expression) {
        return Language.deterministic(Language.intersection(expression, PLACES), FIRST);
    }

    /// Returns all texts with labels in which `label` stands only where its look-around is true.
    private Automaton allowed(Look look, int label) {
        int last = FIRST_LOOK + looks.size() - 1;
        Automaton anything = repeated(Automata.makeCharRange(0, last));
        Automaton sought = withLabels(look.texts, last);
        Automaton wrong = look.negative ? sought : Language.complement(sought, last);
        Automaton here = Automata.makeChar(label);
        Automaton somewhereWrong =
                Language.concatenate(look.ahead ? List.of(anything, here, wrong) : List.of(wrong, here, anything));
        return Language.complement(Language.deterministic(somewhereWrong), last);
    }

    /// Returns an automaton of `texts` in which any labels may stand anywhere.
    private static Automaton withLabels(Automaton texts, int last) {
        if (texts.getNumStates() == 0) {
            return texts;
        }
        Automaton.Builder labelled = new Automaton.Builder();
        labelled.copy(texts);
        for (int state = 0; state < texts.getNumStates(); state++) {
            labelled.addTransition(state, state, FIRST, last);
        }
        return Language.deterministic(labelled.finish());
    }

    private static Automaton repeated(Automaton characters) {
        return Language.deterministic(Language.repeat(characters, 0, Language.UNBOUNDED));
    }

    /// Returns all texts with labels in which the labels of beginnings, ends and boundaries stand only where
    /// they are true. A state stands for what is before a place, and for what may follow according to the
    /// labels that stand there.
    private static Automaton places() {
        Automaton.Builder places = new Automaton.Builder();
        for (int before = NOTHING_BEFORE; before <= OTHER_BEFORE; before++) {
            for (int next = 0; next <= ANYTHING_NEXT; next++) {
                places.createState();
            }
        }
        for (int before = NOTHING_BEFORE; before <= OTHER_BEFORE; before++) {
            for (int next = 1; next <= ANYTHING_NEXT; next++) {
                int state = state(before, next);
                places.setAccept(state, (next & END_NEXT) != 0);
                if ((next & WORD_NEXT) != 0) {
                    addTransitions(places, state, state(WORD_BEFORE, ANYTHING_NEXT), CodePoints.WORD);
                }
                if ((next & OTHER_NEXT) != 0) {
                    addTransitions(
                            places, state, state(OTHER_BEFORE, ANYTHING_NEXT), CodePoints.except(CodePoints.WORD));
                }
                if (before == NOTHING_BEFORE) {
                    places.addTransition(state, state, BEGINNING);
                }
                int boundary = before == WORD_BEFORE ? OTHER_NEXT | END_NEXT : WORD_NEXT;
                addPlace(places, before, next, END, END_NEXT);
                addPlace(places, before, next, BOUNDARY, boundary);
                addPlace(places, before, next, NO_BOUNDARY, ANYTHING_NEXT - boundary);
                places.addTransition(state, state, FIRST_LOOK, Integer.MAX_VALUE - 1);
            }
        }
        return Language.deterministic(places.finish());
    }

    /// Returns the number of a state. The automaton begins with state 0, so state 0 stands for a place with
    /// nothing before it and with anything after it.
    private static int state(int before, int next) {
        int state = before * (ANYTHING_NEXT + 1) + next;
        return state == ANYTHING_NEXT ? 0 : state;
    }

    private static void addPlace(Automaton.Builder places, int before, int next, int label, int allowed) {
        if ((next & allowed) != 0) {
            places.addTransition(state(before, next), state(before, next & allowed), label);
        }
    }

    private static void addTransitions(Automaton.Builder places, int source, int target, BitSet characters) {
        for (int first = characters.nextSetBit(0); first >= 0; ) {
            int end = characters.nextClearBit(first);
            places.addTransition(source, target, first, end - 1);
            first = characters.nextSetBit(end);
        }
    }
}
