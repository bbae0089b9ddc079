package org.sparkqwen.engine.constraint.automaton;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;
import org.jspecify.annotations.Nullable;

/// A deterministic automaton over the bytes of UTF-8 that also counts the characters of a JSON string.
///
/// The state of a text has two parts: a state of the automaton, and within a string whose characters are
/// counted, their number so far. It is one long with the number in the upper half. The text can be finished
/// from every state that [#step] returns.
public final class ByteAutomaton {
    /// The result of [#step] for a byte that may not follow.
    public static final long NOWHERE = -1;

    private static final int NO_BOUNDS = -1;

    /// The index of each state's first transition, and at the end the number of all transitions. The
    /// transitions of a state are in the order of their bytes.
    private final int[] firstTransitions;

    private final byte[] firstBytes;
    private final byte[] lastBytes;
    private final int[] targets;

    /// The counts for which each transition is, as an index of `allBounds`; null if all transitions are for
    /// any count.
    private final int @Nullable [] bounds;

    private final List<CountBounds> allBounds;
    private final boolean[] accepting;

    /// The role of each state in counted strings; null if there are none.
    private final Role @Nullable [] roles;

    private final @Nullable CountedRegion[] regions;

    /// Where a state is in relation to a string whose characters are counted.
    public enum Role {
        OUTSIDE,
        /// The state follows the opening quotation mark, where counting begins.
        BEGINNING,
        /// The state follows a character, which is counted.
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
        List<long[]> row = new ArrayList<>(); // first byte, last byte, target, bounds
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

    /// Returns an automaton over bytes that accepts the UTF-8 of the given texts.
    ///
    /// @param codePoints must be deterministic, and the text can be finished from every state
    public static ByteAutomaton of(Automaton codePoints) {
        return ofBytes(Language.utf8(codePoints));
    }

    /// Returns an automaton with the transitions of `bytes`.
    ///
    /// @param bytes must be deterministic, and the text can be finished from every state
    public static ByteAutomaton ofBytes(Automaton bytes) {
        return new ByteAutomaton(bytes, null, Integer.MAX_VALUE, List.of());
    }

    /// Returns an automaton with strings that are counted.
    ///
    /// @param codePoints must be deterministic
    /// @param roles by state
    /// @param firstClosing this label and higher ones are closing quotation marks for counts within bounds
    /// @param closings the bounds of these labels, in their order
    public static ByteAutomaton of(
            Automaton codePoints, List<Role> roles, int firstClosing, List<CountBounds> closings) {
        Automaton bytes = Utf8Automaton.of(codePoints, Language.MOST_WITHIN_CHARACTERS);
        Role[] all = roles.toArray(new Role[bytes.getNumStates()]);
        Transition transition = new Transition();
        for (int state = roles.size();
                state < all.length;
                state++) { // every state that it leads to has its role already
            bytes.getTransition(state, 0, transition);
            Role next = all[transition.dest];
            all[state] = next == Role.AFTER_CHARACTER ? Role.WITHIN_CHARACTER : next;
        }
        return new ByteAutomaton(bytes, all, firstClosing, List.copyOf(closings));
    }

    public int states() {
        return accepting.length;
    }

    /// Returns the state of the empty text. The automaton must have a state.
    public long start() {
        return 0;
    }

    /// Tells whether the text may end in this state.
    public boolean accepts(long state) {
        return accepting[(int) state];
    }

    /// Tells whether no byte may follow.
    public boolean ends(long state) {
        return firstTransitions[(int) state] == firstTransitions[(int) state + 1];
    }

    /// Returns the state after one more byte, or [#NOWHERE].
    ///
    /// @param value the byte, 0 to 255
    public long step(long state, int value) {
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

    /// Takes the transition that is for a count, among those for the same byte.
    ///
    /// @param transition the first transition for the byte
    /// @param end the end of the state's transitions
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

    /// Returns a state from which the same texts of up to that many characters lead on. It may be `state`
    /// itself.
    public long representative(long state, int characters) {
        int target = (int) state;
        CountedRegion region = roles == null ? null : regions[target];
        return region == null
                ? state
                : (long) region.representative((int) (state >>> Integer.SIZE), characters) << Integer.SIZE | target;
    }

    Role role(int state) {
        return roles == null ? Role.OUTSIDE : roles[state];
    }

    /// Passes the index of each transition of a state to `transitions`.
    void forEachTransition(int state, IntConsumer transitions) {
        for (int i = firstTransitions[state]; i < firstTransitions[state + 1]; i++) {
            transitions.accept(i);
        }
    }

    int target(int transition) {
        return targets[transition];
    }

    /// Returns the counts for which a transition is.
    public CountBounds bounds(int transition) {
        return bounds == null || bounds[transition] == NO_BOUNDS ? CountBounds.ANY : allBounds.get(bounds[transition]);
    }

    private boolean isFor(int transition, int count) {
        return bounds == null
                || bounds[transition] == NO_BOUNDS
                || allBounds.get(bounds[transition]).include(count);
    }

    /// Returns the bytes that any transition reads, by their values.
    public boolean[] bytes() {
        boolean[] read = new boolean[256];
        for (int i = 0; i < targets.length; i++) {
            Arrays.fill(read, firstBytes[i] & 0xFF, (lastBytes[i] & 0xFF) + 1, true);
        }
        return read;
    }

    /// Tells whether `text` is accepted as a whole.
    public boolean accepts(String text) {
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
