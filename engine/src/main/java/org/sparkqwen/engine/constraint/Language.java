package org.sparkqwen.engine.constraint;

import java.util.List;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.UTF32ToUTF8;

/// Operations on automata that stay within a size, so that a constraint is compiled in time or refused.
final class Language {
    /// A number of repetitions without end.
    static final int UNBOUNDED = -1;

    /// States of an automaton over characters.
    private static final int MOST_STATES = 50_000;

    /// Lucene counts a tenth of the states that a subset construction looks at.
    private static final int WORK = 100_000;

    /// UTF-8, and nothing that only looks like it: no long forms, no surrogates. Table 3-7 of the Unicode standard.
    private static final Automaton WELL_FORMED = wellFormed();

    private Language() {}

    static RefusedConstraint tooLarge() {
        return new RefusedConstraint("too large: it would need too many states; use lower bounds of repetition");
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
        requireSmall((long) part.getNumStates() * Math.max(least, most));
        // Of what may be empty no number is the least: the same texts, without transitions by the square of it.
        int from = part.isAccept(0) ? 0 : least;
        return most == UNBOUNDED ? Operations.repeat(part, from) : Operations.repeat(part, from, most);
    }

    private static long states(List<Automaton> parts) {
        return parts.stream().mapToLong(Automaton::getNumStates).sum();
    }

    private static void requireSmall(long states) {
        if (states > MOST_STATES) {
            throw tooLarge();
        }
    }

    /// @throws org.apache.lucene.util.automaton.TooComplexToDeterminizeException if that takes too long
    static Automaton deterministic(Automaton automaton) {
        return Operations.removeDeadStates(Operations.determinize(automaton, WORK));
    }

    /// From characters to bytes: deterministic, and from every state the text can be finished; without states if no text
    /// is accepted.
    ///
    /// @throws org.apache.lucene.util.automaton.TooComplexToDeterminizeException if that takes too long
    static Automaton utf8(Automaton codePoints) {
        Automaton bytes = new UTF32ToUTF8().convert(deterministic(codePoints));
        return Operations.intersection(deterministic(bytes), WELL_FORMED); // Lucene lets long forms pass in wide ranges
    }

    private static Automaton wellFormed() {
        Automaton bytes = new Automaton();
        int text = bytes.createState();
        int last = bytes.createState();
        int lastTwo = bytes.createState();
        int lastThree = bytes.createState();
        int afterE0 = bytes.createState();
        int afterEd = bytes.createState();
        int afterF0 = bytes.createState();
        int afterF4 = bytes.createState();
        bytes.setAccept(text, true);
        bytes.addTransition(text, text, 0x00, 0x7F);
        bytes.addTransition(text, last, 0xC2, 0xDF);
        bytes.addTransition(text, afterE0, 0xE0);
        bytes.addTransition(text, lastTwo, 0xE1, 0xEC);
        bytes.addTransition(text, afterEd, 0xED);
        bytes.addTransition(text, lastTwo, 0xEE, 0xEF);
        bytes.addTransition(text, afterF0, 0xF0);
        bytes.addTransition(text, lastThree, 0xF1, 0xF3);
        bytes.addTransition(text, afterF4, 0xF4);
        bytes.addTransition(last, text, 0x80, 0xBF);
        bytes.addTransition(lastTwo, last, 0x80, 0xBF);
        bytes.addTransition(lastThree, lastTwo, 0x80, 0xBF);
        bytes.addTransition(afterE0, last, 0xA0, 0xBF);
        bytes.addTransition(afterEd, last, 0x80, 0x9F);
        bytes.addTransition(afterF0, lastTwo, 0x90, 0xBF);
        bytes.addTransition(afterF4, lastTwo, 0x80, 0x8F);
        bytes.finishState();
        return bytes;
    }
}
