package org.sparkqwen.engine.constraint.automaton;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.apache.lucene.util.BytesRef;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;

/// Operations on automata whose results have a limited size, so that a constraint is compiled in time or
/// refused.
public final class Language {
    /// A number of repetitions without a limit.
    public static final int UNBOUNDED = -1;

    /// The greatest number of copies of states that repetitions make.
    static final int MOST_STATES = 50_000;

    /// The greatest number of states of any automaton.
    private static final int MOST_OF_ALL = 1_000_000;

    /// The greatest number of states within characters of an automaton over bytes. The automaton of any
    /// character has seven.
    static final int MOST_WITHIN_CHARACTERS = 100_000;

    /// The greatest number of bytes of a text in Lucene's own construction.
    private static final int LONGEST_SHARED = Automata.MAX_STRING_UNION_TERM_LENGTH;

    /// The number of steps for a transition that Lucene inserts in order, which is slow.
    private static final long SORTED = 16;

    private Language() {}

    static RefusedConstraint tooLarge() {
        return new RefusedConstraint(
                "too large: it would need too many states; lower its numbers of repetitions, or its lengths");
    }

    /// Returns the smallest deterministic automaton that accepts exactly these texts. It is fast for
    /// thousands of texts.
    public static Automaton ofTexts(Collection<String> texts) {
        SortedSet<BytesRef> shared = new TreeSet<>();
        List<Automaton> parts = new ArrayList<>();
        for (String text : texts) {
            BytesRef bytes = new BytesRef(text.getBytes(UTF_8));
            Budget.spend(4L * bytes.length + 1);
            if (bytes.length <= LONGEST_SHARED) {
                shared.add(bytes);
            } else {
                parts.add(Automata.makeString(text));
            }
        }
        if (!shared.isEmpty() || parts.isEmpty()) {
            parts.add(Automata.makeStringUnion(shared));
        }
        return deterministic(union(parts));
    }

    /// Returns the concatenations of one text of each of `parts`. Without parts, it is the empty text.
    public static Automaton concatenate(List<Automaton> parts) {
        for (int i = 0; i + 1 < parts.size(); i++) {
            // Every end of a part gets the transitions from the beginnings of the parts after it.
            spend(parts.get(i));
            Budget.spend(SORTED * parts.get(i).getAcceptStates().cardinality() * beginnings(parts, i + 1));
        }
        requireSmall(states(parts));
        return switch (parts.size()) {
            case 0 -> Automata.makeEmptyString();
            case 1 -> parts.getFirst();
            default -> Operations.concatenate(parts);
        };
    }

    /// Returns the texts of any of `parts`.
    public static Automaton union(List<Automaton> parts) {
        parts.forEach(Language::spend);
        requireSmall(states(parts));
        return parts.size() == 1 ? parts.getFirst() : Operations.union(parts);
    }

    /// Counts the transitions from the beginning of part `i`, and from the beginnings of later parts as far
    /// as the parts between them may be empty.
    private static long beginnings(List<Automaton> parts, int i) {
        long transitions = 0;
        for (int next = i; next < parts.size(); next++) {
            Automaton part = parts.get(next);
            if (part.getNumStates() > 0) {
                transitions += part.getNumTransitions(0);
            }
            if (part.getNumStates() == 0 || !part.isAccept(0)) {
                break;
            }
        }
        return transitions;
    }

    private static void spend(Automaton automaton) {
        Budget.spend((long) automaton.getNumStates() + automaton.getNumTransitions());
    }

    /// Returns the texts that two automata have in common.
    ///
    /// @param others must be deterministic
    public static Automaton intersection(Automaton some, Automaton others) {
        return AutomatonProduct.of(some, others);
    }

    /// Returns the texts of `some` that are not texts of `others`.
    public static Automaton except(Automaton some, Automaton others) {
        return intersection(some, complement(deterministic(others), Character.MAX_CODE_POINT));
    }

    /// Returns all texts with labels up to `last` that `automaton` does not accept.
    ///
    /// @param automaton must be deterministic
    public static Automaton complement(Automaton automaton, int last) {
        spend(automaton);
        int states = Math.max(1, automaton.getNumStates());
        Automaton.Builder others = new Automaton.Builder();
        others.copy(automaton);
        while (others.getNumStates() <= states) {
            others.createState();
        }
        int rest = states; // the state to which no text of the automaton leads
        others.setAccept(rest, true);
        others.addTransition(rest, rest, 0, last);
        Transition transition = new Transition();
        for (int state = 0; state < states; state++) {
            boolean known = state < automaton.getNumStates();
            others.setAccept(state, !known || !automaton.isAccept(state));
            int next = 0;
            int count = known ? automaton.initTransition(state, transition) : 0;
            for (int i = 0; i < count; i++) {
                automaton.getNextTransition(transition);
                if (transition.min > next) {
                    others.addTransition(state, rest, next, transition.min - 1);
                }
                next = transition.max + 1;
            }
            if (next <= last) {
                others.addTransition(state, rest, next, last);
            }
        }
        return others.finish();
    }

    /// Returns repetitions of the texts of `part`. There are none if `most` is less than `least`, as in a
    /// schema that allows no string.
    ///
    /// @param least the smallest number of repetitions
    /// @param most the greatest number of repetitions, or [#UNBOUNDED]
    public static Automaton repeat(Automaton part, int least, int most) {
        if (most != UNBOUNDED && most < least) {
            return Automata.makeEmpty();
        }
        // A part that accepts the empty text needs no lower bound; dropping it avoids quadratically many
        // transitions.
        int from = part.getNumStates() > 0 && part.isAccept(0) ? 0 : least;
        if (most != UNBOUNDED) {
            return repeatBounded(part, from, most);
        }
        spend(part);
        Budget.spend((long) part.getAcceptStates().cardinality()
                * (part.getNumStates() == 0 ? 0 : part.getNumTransitions(0)));
        Automaton more = Operations.repeat(part);
        return from == 0 ? more : concatenate(List.of(repeatBounded(part, from, from), more));
    }

    /// Returns a limited number of repetitions. Lucene's own method is not used, because its time grows with
    /// the square of `most`.
    ///
    /// @param most not less than `least`
    private static Automaton repeatBounded(Automaton part, int least, int most) {
        int size = part.getNumStates();
        if (size == 0 || most == 0) {
            return least == 0 ? Automata.makeEmptyString() : part;
        }
        if ((long) size * most > MOST_STATES) {
            throw tooLarge();
        }
        long endings = part.getAcceptStates().cardinality();
        Budget.spend(most * (size + part.getNumTransitions() + endings * part.getNumTransitions(0)));
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

    /// Adds transitions from `source` to where `state` of `part` leads, in the copy of `part` that begins at
    /// `first`.
    private static void addTransitions(Automaton automaton, int source, Automaton part, int state, int first) {
        Transition transition = new Transition();
        int count = part.initTransition(state, transition);
        for (int i = 0; i < count; i++) {
            part.getNextTransition(transition);
            automaton.addTransition(source, first + transition.dest, transition.min, transition.max);
        }
    }

    /// Returns the smaller of two upper limits, each of which may be [#UNBOUNDED].
    public static int lower(int most, int other) {
        return most == UNBOUNDED || other == UNBOUNDED ? Math.max(most, other) : Math.min(most, other);
    }

    private static long states(List<Automaton> parts) {
        return parts.stream().mapToLong(Automaton::getNumStates).sum();
    }

    public static void requireSmall(long states) {
        if (states > MOST_OF_ALL) {
            throw tooLarge();
        }
    }

    /// Returns a deterministic automaton of the same texts in which the text can be finished from every
    /// state.
    public static Automaton deterministic(Automaton automaton) {
        return deterministic(automaton, SubsetConstruction.NONE);
    }

    /// Returns a deterministic automaton of the same texts, where transitions with the label `firstSilent` or
    /// a higher one read nothing.
    public static Automaton deterministic(Automaton automaton, int firstSilent) {
        spend(automaton);
        boolean already = firstSilent == SubsetConstruction.NONE && automaton.isDeterministic();
        return Operations.removeDeadStates(already ? automaton : SubsetConstruction.of(automaton, firstSilent));
    }

    /// Converts an automaton over characters into an automaton over bytes. It is deterministic, and the text
    /// can be finished from every state. It has no states if no text is accepted.
    public static Automaton utf8(Automaton codePoints) {
        return Utf8Automaton.of(deterministic(codePoints), MOST_WITHIN_CHARACTERS);
    }
}
