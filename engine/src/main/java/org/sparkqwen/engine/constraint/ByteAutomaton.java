package org.sparkqwen.engine.constraint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;
import org.jspecify.annotations.Nullable;

/// A deterministic automaton over the bytes of UTF-8 that counts the characters of the JSON string it is in.
///
/// A state of a text is a state of the automaton and, within a string whose characters are counted, their number so
/// far: one long, the number in the upper half. From every state that [#step] leads to the text can be finished.
final class ByteAutomaton {
    /// What [#step] answers for a byte that may not follow.
    static final long NOWHERE = -1;

    private static final int NO_BOUNDS = -1;

    /// Transitions of a state begin at its index, and those of the last end at the last index. Those of one state
    /// are in the order of their bytes.
    private final int[] firstTransitions;

    private final byte[] firstBytes;
    private final byte[] lastBytes;
    private final int[] targets;

    /// For which counts each transition is, an index of `allBounds`; null if all are for any.
    private final int @Nullable [] bounds;

    private final List<CountBounds> allBounds;
    private final boolean[] accepting;

    /// What states have to do with counted strings, and in which they are; null if there are none.
    private final Role @Nullable [] roles;

    private final @Nullable CountedRegion[] regions;

    /// Where a state is in relation to a string whose characters are counted.
    enum Role {
        OUTSIDE,
        /// Behind the opening quotation mark: counting begins.
        BEGINNING,
        /// Behind a character: it is counted.
        AFTER_CHARACTER,
        WITHIN_CHARACTER
    }

    private ByteAutomaton(Automaton bytes, Role @Nullable [] roles, int firstClosing, List<CountBounds> allBounds) {
        int states = bytes.getNumStates();
        this.roles = roles;
        this.allBounds = allBounds;
        firstTransitions = new int[states + 1];
        accepting = new boolean[states];
        int transitions = 0;
        Transition transition = new Transition();
        for (int state = 0; state < states; state++) {
            int count = bytes.initTransition(state, transition);
            for (int i = 0; i < count; i++) {
                bytes.getNextTransition(transition);
                transitions += transition.min < firstClosing ? 1 : 1 + transition.max - transition.min;
            }
            firstTransitions[state + 1] = transitions;
            accepting[state] = bytes.isAccept(state);
        }
        firstBytes = new byte[transitions];
        lastBytes = new byte[transitions];
        targets = new int[transitions];
        bounds = roles == null ? null : new int[transitions];
        for (int state = 0; state < states; state++) {
            fill(state, bytes, firstClosing);
        }
        regions = roles == null ? new @Nullable CountedRegion[0] : CountedRegion.of(this, roles);
    }

    private void fill(int state, Automaton bytes, int firstClosing) {
        Transition transition = new Transition();
        List<long[]> row = new ArrayList<>(); // first and last byte, target, bounds
        int count = bytes.initTransition(state, transition);
        for (int i = 0; i < count; i++) {
            bytes.getNextTransition(transition);
            if (transition.min < firstClosing) {
                row.add(new long[] {transition.min, transition.max, transition.dest, NO_BOUNDS});
            } else {
                for (int label = transition.min; label <= transition.max; label++) {
                    row.add(new long[] {'"', '"', transition.dest, label - firstClosing});
                }
            }
        }
        row.sort((a, b) -> Long.compare(a[0], b[0]));
        int at = firstTransitions[state];
        for (long[] each : row) {
            firstBytes[at] = (byte) each[0];
            lastBytes[at] = (byte) each[1];
            targets[at] = (int) each[2];
            if (bounds != null) {
                bounds[at] = (int) each[3];
            }
            at++;
        }
    }

    /// @param codePoints deterministic, and from every state the text can be finished
    static ByteAutomaton of(Automaton codePoints) {
        return ofBytes(Language.utf8(codePoints));
    }

    /// @param bytes deterministic, and from every state the text can be finished
    static ByteAutomaton ofBytes(Automaton bytes) {
        return new ByteAutomaton(bytes, null, Integer.MAX_VALUE, List.of());
    }

    /// An automaton with strings that are counted.
    ///
    /// @param codePoints deterministic
    /// @param roles by state
    /// @param firstClosing this label and those after it are closing quotation marks for counts within
    /// @param closings bounds, one after another
    static ByteAutomaton of(Automaton codePoints, List<Role> roles, int firstClosing, List<CountBounds> closings) {
        Automaton bytes = Utf8Automaton.of(codePoints, Language.MOST_WITHIN_CHARACTERS);
        Role[] all = roles.toArray(new Role[bytes.getNumStates()]);
        Transition transition = new Transition();
        for (int state = roles.size(); state < all.length; state++) { // those that it leads to are before it
            bytes.getTransition(state, 0, transition);
            Role next = all[transition.dest];
            all[state] = next == Role.AFTER_CHARACTER ? Role.WITHIN_CHARACTER : next;
        }
        return new ByteAutomaton(bytes, all, firstClosing, List.copyOf(closings));
    }

    int states() {
        return accepting.length;
    }

    /// The state of the empty text; there must be a state.
    long start() {
        return 0;
    }

    /// Whether the text may end here.
    boolean accepts(long state) {
        return accepting[(int) state];
    }

    /// Whether no byte may follow.
    boolean ends(long state) {
        return firstTransitions[(int) state] == firstTransitions[(int) state + 1];
    }

    /// The state after one more byte, or [#NOWHERE].
    ///
    /// @param value 0 to 255
    long step(long state, int value) {
        int from = (int) state;
        int low = firstTransitions[from];
        int end = firstTransitions[from + 1];
        int high = end;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if ((lastBytes[middle] & 0xFF) < value) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low == end || (firstBytes[low] & 0xFF) > value) {
            return NOWHERE;
        }
        return roles == null ? targets[low] : counted((int) (state >>> Integer.SIZE), low, end, value);
    }

    /// @param transition the first one for the byte
    /// @param end of the state's transitions
    private long counted(int count, int transition, int end, int value) {
        for (int i = transition; i < end && (firstBytes[i] & 0xFF) <= value; i++) {
            if (isFor(i, count)) {
                return counted(count, targets[i]);
            }
        }
        return NOWHERE;
    }

    private long counted(int count, int target) {
        CountedRegion region = regions[target];
        if (region == null) {
            return target;
        }
        int now = switch (role(target)) {
            case AFTER_CHARACTER -> region.next(count);
            case WITHIN_CHARACTER -> count;
            case BEGINNING, OUTSIDE -> 0;
        };
        return region.canEnd(target, now) ? (long) now << Integer.SIZE | target : NOWHERE;
    }

    /// The same state, or another one from which the same texts of so many characters lead on.
    long representative(long state, int characters) {
        int target = (int) state;
        CountedRegion region = roles == null ? null : regions[target];
        return region == null
                ? state
                : (long) region.representative((int) (state >>> Integer.SIZE), characters) << Integer.SIZE | target;
    }

    Role role(int state) {
        return roles == null ? Role.OUTSIDE : roles[state];
    }

    /// Hands over the transitions of a state by their indices.
    void forEachTransition(int state, IntConsumer transitions) {
        for (int i = firstTransitions[state]; i < firstTransitions[state + 1]; i++) {
            transitions.accept(i);
        }
    }

    int target(int transition) {
        return targets[transition];
    }

    /// For which counts a transition is.
    CountBounds bounds(int transition) {
        return bounds == null || bounds[transition] == NO_BOUNDS ? CountBounds.ANY : allBounds.get(bounds[transition]);
    }

    private boolean isFor(int transition, int count) {
        return bounds == null
                || bounds[transition] == NO_BOUNDS
                || allBounds.get(bounds[transition]).include(count);
    }

    /// The bytes that any transition reads.
    boolean[] bytes() {
        boolean[] read = new boolean[256];
        for (int i = 0; i < targets.length; i++) {
            Arrays.fill(read, firstBytes[i] & 0xFF, (lastBytes[i] & 0xFF) + 1, true);
        }
        return read;
    }

    /// Whether `text` is accepted as a whole.
    boolean accepts(String text) {
        if (states() == 0) {
            return false;
        }
        long state = start();
        for (byte each : text.getBytes(UTF_8)) {
            state = step(state, each & 0xFF);
            if (state == NOWHERE) {
                return false;
            }
        }
        return accepts(state);
    }
}
