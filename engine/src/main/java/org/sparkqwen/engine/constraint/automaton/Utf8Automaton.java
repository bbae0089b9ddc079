package org.sparkqwen.engine.constraint.automaton;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/// Converts an automaton over code points into an automaton over the bytes of UTF-8. Both are deterministic.
///
/// Lucene's own conversion is not used. It accepts overlong forms and surrogates within wide ranges, and it
/// does not share the states within characters.
final class Utf8Automaton {
    /// The ends of the ranges of code points that take 1, 2, 3 and 4 bytes.
    private static final int[] END_OF_LENGTH = {0x80, 0x800, 0x10000, 0x110000};

    /// The leading bits of the first byte of characters that take 1, 2, 3 and 4 bytes.
    private static final int[] LEADING_BITS = {0x00, 0xC0, 0xE0, 0xF0};

    private static final int CONTINUATION_BITS = 0x80;

    private final Automaton.Builder bytes = new Automaton.Builder();

    /// The states within characters, by their edges.
    private final Map<List<Edge>, Integer> within = new HashMap<>();

    /// The greatest number of states within characters.
    private final int mostStates;

    private Utf8Automaton(int mostStates) {
        this.mostStates = mostStates;
    }

    /// An edge for the bytes or code points from `first` to `last`.
    ///
    /// @param target the state to which it leads
    private record Edge(int first, int last, int target) {}

    /// Converts an automaton. The states of `codePoints` keep their numbers, and the states within characters
    /// come after them. Labels above the highest code point stay as they are.
    ///
    /// @param codePoints must be deterministic and without surrogates
    /// @throws RefusedConstraint if there would be more than `mostStates` states within characters
    static Automaton of(Automaton codePoints, int mostStates) {
        return new Utf8Automaton(mostStates).convert(codePoints);
    }

    private Automaton convert(Automaton codePoints) {
        bytes.copyStates(codePoints);
        Transition transition = new Transition();
        for (int state = 0; state < codePoints.getNumStates(); state++) {
            List<Edge> ranges = new ArrayList<>(); // of code points
            int count = codePoints.initTransition(state, transition);
            for (int i = 0; i < count; i++) {
                codePoints.getNextTransition(transition);
                if (transition.min > Character.MAX_CODE_POINT) {
                    bytes.addTransition(state, transition.dest, transition.min, transition.max);
                } else {
                    ranges.add(new Edge(transition.min, transition.max, transition.dest));
                }
            }
            add(state, within(ranges, 0, END_OF_LENGTH[0])); // a character of one byte is that byte
            for (int length = 2; length <= 4; length++) {
                List<Edge> some = within(ranges, END_OF_LENGTH[length - 2], END_OF_LENGTH[length - 1]);
                if (!some.isEmpty()) {
                    int values = Math.ceilDiv(END_OF_LENGTH[length - 1], 1 << (6 * (length - 1)));
                    add(state, edges(some, length - 1, 0, values, LEADING_BITS[length - 1]));
                }
            }
        }
        return bytes.finish();
    }

    /// Returns the parts of `ranges` from `first` up to but not including `end`.
    private static List<Edge> within(List<Edge> ranges, int first, int end) {
        Budget.spend(1 + ranges.size() / 4);
        List<Edge> parts = new ArrayList<>();
        for (Edge range : ranges) {
            if (range.first < end && range.last >= first) {
                parts.add(new Edge(Math.max(range.first, first), Math.min(range.last, end - 1), range.target));
            }
        }
        return parts;
    }

    /// Returns the edges of one byte.
    ///
    /// @param ranges the ranges of code points with their targets
    /// @param left how many bytes follow this one
    /// @param first the first code point that the byte may begin
    /// @param values how many values the byte has
    /// @param bits the bits that are set in addition to the value
    private List<Edge> edges(List<Edge> ranges, int left, int first, int values, int bits) {
        int size = 1 << (6 * left); // the code points that share one value
        if (ranges.size() == 1
                && ranges.getFirst().first <= first
                && ranges.getFirst().last >= first + values * size - 1) {
            return List.of(new Edge(bits, bits | (values - 1), target(ranges, left, first)));
        }
        List<Edge> edges = new ArrayList<>();
        for (int value = 0; value < values && !ranges.isEmpty(); value++) {
            int start = first + value * size;
            List<Edge> some = within(ranges, start, start + size);
            if (some.isEmpty()) {
                continue;
            }
            int target = target(some, left, start);
            Edge last = edges.isEmpty() ? null : edges.getLast();
            if (last != null && last.target == target && last.last + 1 == (bits | value)) {
                edges.set(edges.size() - 1, new Edge(last.first, bits | value, target));
            } else {
                edges.add(new Edge(bits | value, bits | value, target));
            }
        }
        return edges;
    }

    /// Returns the state after a byte that begins the code points from `first` on.
    private int target(List<Edge> ranges, int left, int first) {
        return left == 0 ? ranges.getFirst().target : state(edges(ranges, left - 1, first, 1 << 6, CONTINUATION_BITS));
    }

    private int state(List<Edge> edges) {
        Integer known = within.get(edges);
        if (known != null) {
            return known;
        }
        int state = bytes.createState();
        if (within.size() >= mostStates) {
            throw Language.tooLarge();
        }
        add(state, edges);
        within.put(edges, state);
        return state;
    }

    private void add(int state, List<Edge> edges) {
        for (Edge edge : edges) {
            bytes.addTransition(state, edge.target, edge.first, edge.last);
        }
    }
}
