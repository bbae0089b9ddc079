package org.sparkqwen.engine.constraint;

import java.util.List;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.TooComplexToDeterminizeException;
import org.apache.lucene.util.automaton.Transition;

/// Operations on automata that stay within a size, so that a constraint is compiled in time or refused.
final class Language {
    /// A number of repetitions without end.
    static final int UNBOUNDED = -1;

    /// States of an automaton over characters.
    static final int MOST_STATES = 50_000;

    /// States of an automaton over bytes. A string of any characters has nine for each: between characters, after a
    /// backslash, and within characters of more bytes than one.
    private static final int MOST_BYTE_STATES = 100_000;

    /// Transitions that a subset construction looks at.
    private static final int WORK = 5_000_000;

    private Language() {}

    static RefusedConstraint tooLarge() {
        return new RefusedConstraint(
                "too large: it would need too many states; lower its numbers of repetitions, or its lengths");
    }

    /// One text of each of `parts` after another; the empty text of none.
    static Automaton concatenate(List<Automaton> parts) {
        requireSmall(states(parts));
        return switch (parts.size()) {
            case 0 -> Automata.makeEmptyString();
            case 1 -> parts.getFirst();
            default -> Operations.concatenate(parts);
        };
    }

    /// The texts of any of `parts`.
    static Automaton union(List<Automaton> parts) {
        requireSmall(states(parts));
        return parts.size() == 1 ? parts.getFirst() : Operations.union(parts);
    }

    /// @param least the least number of repetitions
    /// @param most the highest number of them, or [#UNBOUNDED]
    static Automaton repeat(Automaton part, int least, int most) {
        // Of what may be empty no number is the least: the same texts, without transitions by the square of it.
        int from = part.isAccept(0) ? 0 : least;
        if (most != UNBOUNDED) {
            return repeatBounded(part, from, most);
        }
        Automaton more = Operations.repeat(part);
        return from == 0 ? more : concatenate(List.of(repeatBounded(part, from, from), more));
    }

    /// Not Lucene's own, whose time grows with the square of `most`.
    private static Automaton repeatBounded(Automaton part, int least, int most) {
        int size = part.getNumStates();
        requireSmall((long) size * most);
        Automaton repeated = new Automaton();
        for (int state = 0; state < 1 + size * most; state++) {
            repeated.createState();
        }
        repeated.setAccept(0, least == 0);
        for (int copy = 0; copy < most; copy++) {
            int first = 1 + size * copy;
            if (copy == 0) {
                addTransitions(repeated, 0, part, 0, first);
            }
            for (int state = 0; state < size; state++) {
                addTransitions(repeated, first + state, part, state, first);
                if (part.isAccept(state)) {
                    repeated.setAccept(first + state, copy + 1 >= least);
                    if (copy + 1 < most) {
                        addTransitions(repeated, first + state, part, 0, first + size);
                    }
                }
            }
        }
        repeated.finishState();
        return repeated;
    }

    /// Has `source` lead to where `state` of `part` leads, in a copy of it that begins at `first`.
    private static void addTransitions(Automaton automaton, int source, Automaton part, int state, int first) {
        Transition transition = new Transition();
        int count = part.initTransition(state, transition);
        for (int i = 0; i < count; i++) {
            part.getNextTransition(transition);
            automaton.addTransition(source, first + transition.dest, transition.min, transition.max);
        }
    }

    private static long states(List<Automaton> parts) {
        return parts.stream().mapToLong(Automaton::getNumStates).sum();
    }

    static void requireSmall(long states) {
        if (states > MOST_STATES) {
            throw tooLarge();
        }
    }

    /// The same texts, by an automaton that is deterministic, and from every state of which a text can be finished.
    static Automaton deterministic(Automaton automaton) {
        requireSmall(automaton.getNumStates());
        int perState = 1 + automaton.getNumTransitions() / Math.max(1, automaton.getNumStates());
        try {
            // Lucene counts the states that it looks at, and takes a tenth of their number.
            return Operations.removeDeadStates(Operations.determinize(automaton, WORK / perState / 10));
        } catch (TooComplexToDeterminizeException _) {
            throw tooLarge();
        }
    }

    /// From characters to bytes: deterministic, and from every state the text can be finished; without states if no
    /// text is accepted.
    static Automaton utf8(Automaton codePoints) {
        return Utf8Automaton.of(deterministic(codePoints), MOST_BYTE_STATES);
    }
}
