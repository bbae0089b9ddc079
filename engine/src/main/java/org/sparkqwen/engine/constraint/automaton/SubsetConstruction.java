package org.sparkqwen.engine.constraint.automaton;

import java.util.Arrays;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/// Makes an automaton deterministic. Its states are the sets of states to which the same text leads.
///
/// Lucene's own construction is not used. It limits the number of states that it looks at, but neither their
/// transitions nor its time.
final class SubsetConstruction {
    /// A first silent label with which no transition is silent.
    static final int NONE = Integer.MAX_VALUE;

    private final Automaton from;

    /// Transitions with this label or a higher one read nothing.
    private final int firstSilent;

    private final StateSets sets = new StateSets();
    private final Transition transition = new Transition();
    private final int[] seen;
    private int[] found = new int[16];
    private int visit;

    private SubsetConstruction(Automaton from, int firstSilent) {
        this.from = from;
        this.firstSilent = firstSilent;
        seen = new int[from.getNumStates()];
    }

    /// @param firstSilent transitions with this label or a higher one read nothing
    static Automaton of(Automaton automaton, int firstSilent) {
        return new SubsetConstruction(automaton, firstSilent).build();
    }

    private Automaton build() {
        if (from.getNumStates() == 0) {
            return from;
        }
        Automaton.Builder to = new Automaton.Builder();
        DisjointRanges ranges = new DisjointRanges();
        number(new int[] {0}, to);
        for (int state = 0; state < sets.size(); state++) {
            ranges.clear();
            for (int member : sets.get(state)) {
                if (from.isAccept(member)) {
                    to.setAccept(state, true);
                }
                int count = from.initTransition(member, transition);
                for (int i = 0; i < count; i++) {
                    from.getNextTransition(transition);
                    if (transition.min < firstSilent) {
                        ranges.add(transition.min, transition.max, transition.dest);
                    }
                }
            }
            int source = state;
            ranges.forEach((first, last, targets) -> to.addTransition(source, number(targets, to), first, last));
        }
        return to.finish();
    }

    /// Returns the state for the set `states`.
    private int number(int[] states, Automaton.Builder to) {
        int number = sets.number(withSilent(states));
        if (number == to.getNumStates()) {
            to.createState();
        }
        return number;
    }

    /// Returns `states` together with the states that are reached from them by transitions that read nothing.
    private int[] withSilent(int[] states) {
        if (firstSilent == NONE) {
            return states;
        }
        visit++;
        int count = 0;
        for (int state : states) {
            seen[state] = visit;
            count = found(count, state);
        }
        for (int i = 0; i < count; i++) {
            int transitions = from.initTransition(found[i], transition);
            Budget.spend(transitions);
            for (int t = 0; t < transitions; t++) {
                from.getNextTransition(transition);
                if (transition.min >= firstSilent && seen[transition.dest] != visit) {
                    seen[transition.dest] = visit;
                    count = found(count, transition.dest);
                }
            }
        }
        return DisjointRanges.sortedSet(Arrays.copyOf(found, count), count);
    }

    private int found(int count, int state) {
        if (count == found.length) {
            found = Arrays.copyOf(found, 2 * count);
        }
        found[count] = state;
        return count + 1;
    }
}
