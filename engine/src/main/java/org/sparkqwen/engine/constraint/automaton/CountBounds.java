package org.sparkqwen.engine.constraint.automaton;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.TreeSet;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/// The numbers of characters that a string may have, including both bounds.
public record CountBounds(int least, int most) {
    /// A number that no string reaches.
    public static final int UNBOUNDED = Integer.MAX_VALUE;

    public static final CountBounds ANY = new CountBounds(0, UNBOUNDED);

    public boolean include(int count) {
        return least <= count && count <= most;
    }

    public boolean include(CountBounds part) {
        return least <= part.least && part.most <= most;
    }

    /// Cuts the counts into the smallest ranges that these bounds tell apart.
    public static List<CountBounds> parts(List<CountBounds> all) {
        TreeSet<Integer> beginnings = new TreeSet<>();
        for (CountBounds bounds : all) {
            beginnings.add(bounds.least);
            if (bounds.most < UNBOUNDED) {
                beginnings.add(bounds.most + 1);
            }
        }
        List<CountBounds> parts = new ArrayList<>();
        for (int beginning : beginnings) {
            Integer next = beginnings.higher(beginning);
            CountBounds part = new CountBounds(beginning, next == null ? UNBOUNDED : next - 1);
            if (all.stream().anyMatch(bounds -> bounds.include(part))) {
                parts.add(part);
            }
        }
        return parts;
    }

    /// Tells whether one of `values` has such a number of characters.
    ///
    /// @param values must be deterministic, and a text can be finished from each state
    public boolean allowSome(Automaton values) {
        BitSet reached = new BitSet();
        if (values.getNumStates() > 0) {
            reached.set(0);
        }
        for (int count = 0; count <= most && !reached.isEmpty(); count++) {
            if (count >= least && reached.intersects(values.getAcceptStates())) {
                return true;
            }
            BitSet next = after(reached, values);
            if (next.equals(reached)) { // the sets of all later counts are equal, too
                if (count >= least) {
                    return false;
                }
                count = least - 1;
            }
            reached = next;
        }
        return false;
    }

    private static BitSet after(BitSet states, Automaton values) {
        BitSet next = new BitSet();
        Transition transition = new Transition();
        for (int state = states.nextSetBit(0); state >= 0; state = states.nextSetBit(state + 1)) {
            int count = values.initTransition(state, transition);
            Budget.spend(count + 1);
            for (int i = 0; i < count; i++) {
                values.getNextTransition(transition);
                next.set(transition.dest);
            }
        }
        return next;
    }
}
