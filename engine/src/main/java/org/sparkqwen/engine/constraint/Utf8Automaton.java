package org.sparkqwen.engine.constraint;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/// Turns an automaton over code points into one over the bytes of their UTF-8, both deterministic.
///
/// Not Lucene's own conversion: that lets long forms and surrogates pass within wide ranges, and does not share the
/// states within characters.
final class Utf8Automaton {
    /// The code points of 1, 2, 3 and 4 bytes end before these.
    private static final int[] END_OF_LENGTH = {0x80, 0x800, 0x10000, 0x110000};

    /// What first bytes of characters of 1, 2, 3 and 4 bytes begin with.
    private static final int[] LEADING_BITS = {0x00, 0xC0, 0xE0, 0xF0};

    private static final int CONTINUATION_BITS = 0x80;

    private final Automaton.Builder bytes = new Automaton.Builder();

    /// States within characters, by where their bytes lead.
    private final Map<List<Edge>, Integer> within = new HashMap<>();

    /// How many of those there may be.
    private final int mostStates;

    private Utf8Automaton(int mostStates) {
        this.mostStates = mostStates;
    }

    /// Bytes, or code points, from `first` to `last`, and the state that they lead to.
    private record Edge(int first, int last, int target) {}

    /// The states of `codePoints` keep their numbers, those within characters come after them. Labels above the
    /// highest code point stay as they are.
    ///
    /// @param codePoints deterministic, without surrogates
    /// @throws RefusedConstraint if there would be more than `mostStates` within characters
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

    /// The parts of `ranges` from `first` to before `end`.
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

    /// What one byte leads to.
    ///
    /// @param ranges of code points, where each leads to
    /// @param left how many bytes follow it
    /// @param first the first code point that it may begin
    /// @param values how many values the byte has
    /// @param bits what is set in the byte besides its value
    private List<Edge> edges(List<Edge> ranges, int left, int first, int values, int bits) {
        int size = 1 << (6 * left); // code points of one value
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

    /// The state after a byte that begins the code points from `first`.
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
