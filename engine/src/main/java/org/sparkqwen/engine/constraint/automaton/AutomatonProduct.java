package org.sparkqwen.engine.constraint.automaton;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/// The intersection of two automata. Both read the same text, and each state of the product is a pair of
/// their states.
///
/// Lucene's own intersection is not used, because nothing limits its work.
final class AutomatonProduct {
    private final Transition[][] some;
    private final Transition[][] others;
    private final Automaton.Builder product = new Automaton.Builder();
    private final Map<Long, Integer> numbers = new HashMap<>();
    private final List<Long> pairs = new ArrayList<>();

    private AutomatonProduct(Automaton some, Automaton others) {
        this.some = some.getSortedTransitions();
        this.others = others.getSortedTransitions();
    }

    /// Returns the texts that two automata have in common.
    ///
    /// @param others must be deterministic
    /// @throws RefusedConstraint if it takes too many steps
    static Automaton of(Automaton some, Automaton others) {
        if (some.getNumStates() == 0 || others.getNumStates() == 0) {
            return new Automaton();
        }
        Budget.spend((long) some.getNumTransitions() + others.getNumTransitions());
        return new AutomatonProduct(some, others).build(some, others);
    }

    private Automaton build(Automaton some, Automaton others) {
        number(0, 0);
        for (int state = 0; state < pairs.size(); state++) {
            int a = (int) (pairs.get(state) >>> Integer.SIZE);
            int b = (int) (long) pairs.get(state);
            product.setAccept(state, some.isAccept(a) && others.isAccept(b));
            addTransitions(state, this.some[a], this.others[b]);
        }
        return product.finish();
    }

    private void addTransitions(int state, Transition[] ofA, Transition[] ofB) {
        int firstB = 0;
        for (Transition a : ofA) {
            while (firstB < ofB.length && ofB[firstB].max < a.min) {
                firstB++;
            }
            int steps = 1;
            for (int i = firstB; i < ofB.length && ofB[i].min <= a.max; i++, steps++) {
                product.addTransition(
                        state, number(a.dest, ofB[i].dest), Math.max(a.min, ofB[i].min), Math.min(a.max, ofB[i].max));
            }
            Budget.spend(2L * steps);
        }
    }

    private int number(int a, int b) {
        Integer known = numbers.putIfAbsent((long) a << Integer.SIZE | b, pairs.size());
        if (known != null) {
            return known;
        }
        pairs.add((long) a << Integer.SIZE | b);
        Language.requireSmall(pairs.size());
        return product.createState();
    }
}
