package org.sparkqwen.engine.constraint;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;

/// The bytes of a vocabulary's tokens in sorted order. The bytes that neighbours have in common are stepped
/// through once. It is a trie that is laid out as the sorted list of its paths.
final class VocabularyBytes {
    private static final byte[] NO_BYTES = {};

    /// The ids of the tokens that may appear, sorted by their bytes.
    private final int[] ids;

    /// The bytes of those tokens, one after another.
    private final byte[] bytes;

    /// The index at which the bytes of each token begin, and the end of the last one.
    private final int[] starts;

    /// The number of bytes that each token has in common with the beginning of the token before it.
    private final int[] shared;

    /// The index of a token in `ids`, by its id; negative if the token may not appear.
    private final int[] places;

    private final int longest;

    /// @param tokens ids are `[0, tokens)`
    /// @param bytesOf the bytes of a token; none for an id without a token
    /// @param excluded ids that may never appear
    VocabularyBytes(int tokens, IntFunction<byte[]> bytesOf, IntPredicate excluded) {
        byte[][] byId = new byte[tokens][];
        Integer[] sorted = new Integer[tokens];
        int count = 0;
        int size = 0;
        for (int id = 0; id < tokens; id++) {
            byId[id] = excluded.test(id) ? NO_BYTES : bytesOf.apply(id);
            size += byId[id].length;
            if (byId[id].length > 0) {
                sorted[count++] = id;
            }
        }
        Arrays.sort(sorted, 0, count, Comparator.comparing(id -> byId[id], Arrays::compareUnsigned));

        ids = new int[count];
        bytes = new byte[size];
        starts = new int[count + 1];
        shared = new int[count];
        places = new int[tokens];
        Arrays.fill(places, -1);
        int most = 0;
        for (int i = 0; i < count; i++) {
            byte[] token = byId[sorted[i]];
            ids[i] = sorted[i];
            places[ids[i]] = i;
            System.arraycopy(token, 0, bytes, starts[i], token.length);
            starts[i + 1] = starts[i] + token.length;
            shared[i] = i == 0 ? 0 : commonLength(byId[sorted[i - 1]], token);
            most = Math.max(most, token.length);
        }
        longest = most;
    }

    private static int commonLength(byte[] a, byte[] b) {
        int mismatch = Arrays.mismatch(a, b);
        return mismatch < 0 ? a.length : mismatch;
    }

    /// Returns for each value of a byte whether it is a token of its own.
    boolean[] singleBytes() {
        boolean[] present = new boolean[256];
        for (int i = 0; i < ids.length; i++) {
            if (starts[i + 1] - starts[i] == 1) {
                present[bytes[starts[i]] & 0xFF] = true;
            }
        }
        return present;
    }

    /// Returns the number of bytes of the longest token.
    int longest() {
        return longest;
    }

    /// Returns the state to which a token's bytes lead from `state`, or [ByteAutomaton#NOWHERE].
    long next(ByteAutomaton automaton, long state, int token) {
        if (token < 0 || token >= places.length || places[token] < 0) {
            return ByteAutomaton.NOWHERE;
        }
        int place = places[token];
        long reached = state;
        for (int i = starts[place]; i < starts[place + 1] && reached != ByteAutomaton.NOWHERE; i++) {
            reached = automaton.step(reached, bytes[i] & 0xFF);
        }
        return reached;
    }

    /// Returns the tokens whose bytes lead from `state` to any state.
    TokenSet leadingOn(ByteAutomaton automaton, long state) {
        long[] words = new long[Math.ceilDiv(places.length, Long.SIZE)];
        long[] reached = new long[longest + 1]; // the states after the first bytes of the token that was walked last
        reached[0] = state;
        int alive = 0; // the number of bytes after which a state is still reached
        for (int i = 0; i < ids.length; i++) {
            if (shared[i] > alive) {
                continue; // it begins like a token that led nowhere
            }
            int length = starts[i + 1] - starts[i];
            alive = shared[i];
            while (alive < length) {
                long next = automaton.step(reached[alive], bytes[starts[i] + alive] & 0xFF);
                if (next == ByteAutomaton.NOWHERE) {
                    break;
                }
                reached[++alive] = next;
            }
            if (alive == length) {
                words[ids[i] / Long.SIZE] |= 1L << ids[i];
            }
        }
        return new TokenSet(words);
    }
}
