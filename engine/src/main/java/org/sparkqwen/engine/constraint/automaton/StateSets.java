package org.sparkqwen.engine.constraint.automaton;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Sets of states, which are numbered in the order in which they were first found.
public final class StateSets {
    private final Map<Members, Integer> numbers = new HashMap<>();
    private final List<int[]> sets = new ArrayList<>();

    /// @param states in order, each once
    private record Members(int[] states) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Members(int[] others) && Arrays.equals(states, others);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(states);
        }
    }

    /// Returns the number of a set.
    ///
    /// @param states in order, each once; the array is kept
    /// @throws RefusedConstraint if there are too many sets
    public int number(int[] states) {
        Budget.spend(states.length);
        Integer known = numbers.putIfAbsent(new Members(states), sets.size());
        if (known != null) {
            return known;
        }
        sets.add(states);
        Language.requireSmall(sets.size());
        return sets.size() - 1;
    }

    /// The number of different sets.
    public int size() {
        return sets.size();
    }

    /// The set that has a number.
    public int[] get(int number) {
        return sets.get(number);
    }
}
