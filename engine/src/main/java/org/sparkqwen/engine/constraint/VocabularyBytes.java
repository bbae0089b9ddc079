package org.sparkqwen.engine.constraint;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.apache.lucene.util.automaton.ByteRunAutomaton;

/// The bytes of a vocabulary's tokens, in order, so that what neighbours have in common is stepped through once: a trie,
/// laid out as the sorted list of its paths.
final class VocabularyBytes {
    private static final byte[] NO_BYTES = {};

    /// By id; empty for a token that may not appear.
    private final byte[][] byId;

    /// Ids of the tokens that may appear, by their bytes.
    private final int[] ids;

    /// The bytes of the token at each place of [#ids].
    private final byte[][] bytes;

    /// How many first bytes the token at each place shares with the one before it.
    private final int[] shared;

    private final int longest;

    /// @param tokens ids are `[0, tokens)`
    /// @param bytesOf none for an id without a token
    /// @param excluded ids that never may appear
    VocabularyBytes(int tokens, IntFunction<byte[]> bytesOf, IntPredicate excluded) {
        byId = new byte[tokens][];
        Integer[] sorted = new Integer[tokens];
        int count = 0;
        for (int id = 0; id < tokens; id++) {
            byId[id] = excluded.test(id) ? NO_BYTES : bytesOf.apply(id);
            if (byId[id].length > 0) {
                sorted[count++] = id;
            }
        }
        Arrays.sort(sorted, 0, count, Comparator.comparing(id -> byId[id], Arrays::compareUnsigned));
        ids = new int[count];
        bytes = new byte[count][];
        shared = new int[count];
        int most = 0;
        for (int i = 0; i < count; i++) {
            ids[i] = sorted[i];
            bytes[i] = byId[ids[i]];
            shared[i] = i == 0 ? 0 : commonLength(bytes[i - 1], bytes[i]);
            most = Math.max(most, bytes[i].length);
        }
        longest = most;
    }

    private static int commonLength(byte[] a, byte[] b) {
        int mismatch = Arrays.mismatch(a, b);
        return mismatch < 0 ? a.length : mismatch;
    }

    /// The bytes of a token, not to be written to; none if it may not appear or is no token.
    byte[] of(int token) {
        return 0 <= token && token < byId.length ? byId[token] : NO_BYTES;
    }

    /// Whether a token is this byte and nothing else.
    boolean hasByte(int value) {
        return Arrays.binarySearch(bytes, new byte[] {(byte) value}, Arrays::compareUnsigned) >= 0;
    }

    /// The tokens whose bytes lead from `state` to any state.
    TokenSet leadingOn(ByteRunAutomaton automaton, int state) {
        long[] words = new long[Math.ceilDiv(byId.length, Long.SIZE)];
        int[] reached = new int[longest + 1]; // by the first bytes of the token before, as many as were alive
        reached[0] = state;
        int alive = 0;
        for (int i = 0; i < ids.length; i++) {
            if (shared[i] > alive) {
                continue; // shares the byte that led nowhere
            }
            byte[] token = bytes[i];
            int length = shared[i];
            while (length < token.length) {
                int next = automaton.step(reached[length], token[length] & 0xFF);
                if (next < 0) {
                    break;
                }
                reached[++length] = next;
            }
            alive = length;
            if (length == token.length) {
                words[ids[i] / Long.SIZE] |= 1L << ids[i];
            }
        }
        return new TokenSet(words);
    }
}
