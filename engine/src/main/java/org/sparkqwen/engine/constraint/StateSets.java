package org.sparkqwen.engine.constraint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Sets of states, which are numbered in the order in which they were first found.
final class StateSets {
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
    int number(int[] states) {
        Budget.spend(states.length);
        Integer known = numbers.putIfAbsent(new Members(states), sets.size());
        if (known != null) {
            return known;
        }
        sets.add(states);
        Language.requireSmall(sets.size());
        return sets.size() - 1;
    }

    int size() {
        return sets.size();
    }

    int[] get(int number) {
        return sets.get(number);
    }
}
