package org.sparkqwen.engine.constraint;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/// The bytes of a vocabulary's tokens, in order, so that what neighbours have in common is stepped through once: a
/// trie, laid out as the sorted list of its paths.
final class VocabularyBytes {
    private static final byte[] NO_BYTES = {};

    /// Ids of the tokens that may appear, by their bytes.
    private final int[] ids;

    /// The bytes of those tokens, one after another.
    private final byte[] bytes;

    /// Where the bytes of each begin, and those of the last end.
    private final int[] starts;

    /// How many first bytes each shares with the one before it.
    private final int[] shared;

    /// Which of them a token is, by id; negative if it may not appear.
    private final int[] places;

    private final int longest;

    /// @param tokens ids are `[0, tokens)`
    /// @param bytesOf none for an id without a token
    /// @param excluded ids that never may appear
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

    /// Whether each value of a byte is a token of its own.
    boolean[] singleBytes() {
        boolean[] present = new boolean[256];
        for (int i = 0; i < ids.length; i++) {
            if (starts[i + 1] - starts[i] == 1) {
                present[bytes[starts[i]] & 0xFF] = true;
            }
        }
        return present;
    }

    /// How many bytes the longest token has.
    int longest() {
        return longest;
    }

    /// The state that a token's bytes lead to from `state`, or [ByteAutomaton#NOWHERE].
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

    /// The tokens whose bytes lead from `state` to any state.
    TokenSet leadingOn(ByteAutomaton automaton, long state) {
        long[] words = new long[Math.ceilDiv(places.length, Long.SIZE)];
        long[] reached = new long[longest + 1]; // by the first bytes of the last token that was walked
        reached[0] = state;
        int alive = 0; // how many of them lead to a state
        for (int i = 0; i < ids.length; i++) {
            if (shared[i] > alive) {
                continue; // begins like a token that led nowhere
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
