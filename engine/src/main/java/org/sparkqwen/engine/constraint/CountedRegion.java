package org.sparkqwen.engine.constraint;

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

/// The states of one string whose characters are counted, and from which of them it can still end, by the count.
///
/// From the highest count to the lowest: a string can end where its closing quotation mark is for this count, or where
/// one more character leads to a state from which it can end at the next count. Counts that have the same states are
/// kept as a run, so that a bound of 100,000 mostly costs two.
final class CountedRegion {
    private final ByteAutomaton automaton;

    /// The region's states, those within a character after what they lead to.
    private final List<Integer> states = new ArrayList<>();

    /// The place of each state of the automaton in `states`.
    private final int[] places;

    /// From this count on, nothing depends on it.
    private int last;

    /// The first count of each run, from the lowest to the highest.
    private int[] runs = {};

    /// The places of the states from which the string can end, by run.
    private final List<BitSet> ending = new ArrayList<>();

    private int transitions;

    private CountedRegion(ByteAutomaton automaton, int[] places) {
        this.automaton = automaton;
        this.places = places;
    }

    /// The region of each state that is in one.
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

    /// Whether a transition to such a state stays in the string that it comes from.
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

    /// Puts a state behind those within a character that it leads to.
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
        NavigableSet<Integer> changes = changes(); // counts at which other transitions are allowed than at the next one
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

    /// The states from which the string can end after the last bound.
    private BitSet endingWithoutBound() {
        BitSet known = new BitSet();
        BitSet next = ending(last, known);
        while (!next.equals(known)) {
            known = next;
            next = ending(last, known);
        }
        return known;
    }

    /// The states from which the string can end, where they have read so many characters.
    ///
    /// @param atNext those of the next count
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

    /// The count after one more character.
    int next(int count) {
        return Math.min(count + 1, last);
    }

    /// Whether the string can end if it is in `state` after so many characters.
    boolean canEnd(int state, int count) {
        return ending.get(run(count)).get(places[state]);
    }

    /// A count from which so many characters lead on as they do from `count`.
    int representative(int count, int characters) {
        int run = run(count);
        return run + 1 == runs.length || count < runs[run + 1] - characters ? runs[run] : count;
    }

    private int run(int count) {
        int found = Arrays.binarySearch(runs, count);
        return found >= 0 ? found : -found - 2;
    }
}
