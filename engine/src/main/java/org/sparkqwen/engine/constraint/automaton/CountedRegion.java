package org.sparkqwen.engine.constraint.automaton;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// The states of one string whose characters are counted, and from which of them the string can still end at
/// each count.
///
/// They are computed from the highest count to the lowest. A string can end if its closing quotation mark is
/// allowed at this count, or if one more character leads to a state from which it can end at the next count.
/// Successive counts with the same states are kept as one run, so a bound of 100,000 mostly needs two runs.
final class CountedRegion {
    private final ByteAutomaton automaton;

    /// The states of the region. A state within a character comes after the states to which it leads.
    private final List<Integer> states = new ArrayList<>();

    /// The index of each state of the automaton in `states`.
    private final int[] places;

    /// The count from which on nothing depends on the count.
    private int last;

    /// The first count of each run, from the lowest to the highest.
    private int[] runs = {};

    /// The indices of the states from which the string can end, by run.
    private final List<BitSet> ending = new ArrayList<>();

    private int transitions;

    private CountedRegion(ByteAutomaton automaton, int[] places) {
        this.automaton = automaton;
        this.places = places;
    }

    /// Returns the region of each state, or null for a state that is in none.
    static @Nullable CountedRegion[] of(ByteAutomaton automaton, ByteAutomaton.Role[] roles) {
        @Nullable CountedRegion[] regions = new @Nullable CountedRegion[roles.length];
        int[] places = new int[roles.length];
        List<List<Integer>> neighbours = neighbours(automaton, roles);
        for (int state = 0; state < roles.length; state++) {
            if (roles[state] != ByteAutomaton.Role.OUTSIDE && regions[state] == null) {
                CountedRegion region = new CountedRegion(automaton, places);
                region.collect(state, neighbours, regions);
                region.compute();
            }
        }
        return regions;
    }

    private static List<List<Integer>> neighbours(ByteAutomaton automaton, ByteAutomaton.Role[] roles) {
        List<List<Integer>> neighbours = new ArrayList<>();
        for (int state = 0; state < roles.length; state++) {
            neighbours.add(roles[state] == ByteAutomaton.Role.OUTSIDE ? List.of() : new ArrayList<>());
        }
        for (int state = 0; state < roles.length; state++) {
            int source = state;
            automaton.forEachTransition(state, transition -> {
                int target = automaton.target(transition);
                if (roles[source] != ByteAutomaton.Role.OUTSIDE && isWithin(roles[target])) {
                    neighbours.get(source).add(target);
                    neighbours.get(target).add(source);
                }
            });
        }
        return neighbours;
    }

    /// Tells whether a transition to a state with this role stays in the same string.
    private static boolean isWithin(ByteAutomaton.Role role) {
        return role == ByteAutomaton.Role.AFTER_CHARACTER || role == ByteAutomaton.Role.WITHIN_CHARACTER;
    }

    private void collect(int first, List<List<Integer>> neighbours, @Nullable CountedRegion[] regions) {
        Deque<Integer> open = new ArrayDeque<>(List.of(first));
        List<Integer> found = new ArrayList<>();
        regions[first] = this;
        while (!open.isEmpty()) {
            int state = open.remove();
            found.add(state);
            for (int next : neighbours.get(state)) {
                if (regions[next] == null) {
                    regions[next] = this;
                    open.add(next);
                }
            }
        }
        BitSet ordered = new BitSet();
        found.forEach(state -> order(state, ordered));
    }

    /// Adds a state after the states within a character to which it leads.
    private void order(int state, BitSet ordered) {
        if (ordered.get(state)) {
            return;
        }
        ordered.set(state);
        automaton.forEachTransition(state, transition -> {
            transitions++;
            int target = automaton.target(transition);
            if (automaton.role(target) == ByteAutomaton.Role.WITHIN_CHARACTER) {
                order(target, ordered);
            }
        });
        places[state] = states.size();
        states.add(state);
    }

    private void compute() {
        NavigableSet<Integer> changes = changes(); // counts after which the allowed transitions change
        last = changes.isEmpty() ? 0 : changes.last() + 1;
        List<Integer> starts = new ArrayList<>();
        BitSet now = endingWithoutBound();
        boolean settled = false;
        for (int count = last - 1; count >= 0; count--) {
            boolean change = changes.contains(count);
            if (settled && !change) {
                Integer next = changes.lower(count);
                if (next == null) {
                    break;
                }
                count = next + 1;
                continue;
            }
            BitSet before = ending(count, now);
            settled = !change && before.equals(now);
            if (!settled) {
                starts.add(count + 1);
                ending.add(now);
                now = before;
            }
        }
        starts.add(0);
        ending.add(now);
        runs = starts.reversed().stream().mapToInt(Integer::intValue).toArray();
        Collections.reverse(ending);
    }

    private NavigableSet<Integer> changes() {
        NavigableSet<Integer> changes = new TreeSet<>();
        for (int state : states) {
            automaton.forEachTransition(state, transition -> {
                CountBounds bounds = automaton.bounds(transition);
                if (bounds.least() > 0) {
                    changes.add(bounds.least() - 1);
                }
                if (bounds.most() < CountBounds.UNBOUNDED) {
                    changes.add(bounds.most());
                }
            });
        }
        return changes;
    }

    /// Returns the states from which the string can end after the last bound.
    private BitSet endingWithoutBound() {
        BitSet known = new BitSet();
        BitSet next = ending(last, known);
        while (!next.equals(known)) {
            known = next;
            next = ending(last, known);
        }
        return known;
    }

    /// Returns the states from which the string can end if it has `count` characters so far.
    ///
    /// @param atNext the states from which it can end at the next count
    private BitSet ending(int count, BitSet atNext) {
        Budget.spend((long) transitions + states.size());
        BitSet found = new BitSet(states.size());
        for (int place = 0; place < states.size(); place++) {
            int at = place;
            automaton.forEachTransition(states.get(place), transition -> {
                int target = automaton.target(transition);
                boolean ends = switch (automaton.role(target)) {
                    case OUTSIDE, BEGINNING -> automaton.bounds(transition).include(count);
                    case WITHIN_CHARACTER -> found.get(places[target]);
                    case AFTER_CHARACTER -> atNext.get(places[target]);
                };
                if (ends) {
                    found.set(at);
                }
            });
        }
        return found;
    }

    /// Returns the count after one more character.
    int next(int count) {
        return Math.min(count + 1, last);
    }

    /// Tells whether the string can end if it is in `state` and has `count` characters so far.
    boolean canEnd(int state, int count) {
        return ending.get(run(count)).get(places[state]);
    }

    /// Returns a count from which up to that many characters lead on in the same way as from `count`.
    int representative(int count, int characters) {
        int run = run(count);
        return run + 1 == runs.length || count < runs[run + 1] - characters ? runs[run] : count;
    }

    private int run(int count) {
        int found = Arrays.binarySearch(runs, count);
        return found >= 0 ? found : -found - 2;
    }
}
