package org.sparkqwen.engine.tokenizer;

import java.util.Arrays;

/// The merges of byte-pair encoding: which two tokens merge to which third one, and at which rank. It is a
/// hash table of primitives, because encoding asks it about every pair of neighbours.
final class MergeTable {
    /// What [#find] returns for a pair that does not merge.
    static final long NONE = -1;

    /// The mark of a free slot. It cannot be a pair of ids, because ids are not negative.
    private static final long FREE = -1;

    /// The pairs as `left << 32 | right`, or [#FREE].
    private final long[] pairs;

    /// The merges as `rank << 32 | merged`.
    private final long[] merges;

    private final int shift;

    /// @param capacity the greatest number of pairs that will be added
    MergeTable(int capacity) {
        // The table is at most half full, so that probing stays short.
        int bits = Math.max(4, 33 - Integer.numberOfLeadingZeros(Math.max(capacity, 1)));
        pairs = new long[1 << bits];
        Arrays.fill(pairs, FREE);
        merges = new long[1 << bits];
        shift = Long.SIZE - bits;
    }

    /// Adds a merge.
    ///
    /// @param rank the merge with the lowest rank comes first; if a pair is added twice, the later one
    ///     counts, as in Hugging Face's tokenizers
    void put(int left, int right, int rank, int merged) {
        int slot = slotOf(pair(left, right));
        pairs[slot] = pair(left, right);
        merges[slot] = ((long) rank << 32) | merged;
    }

    /// Returns `rank << 32 | merged`, or [#NONE].
    long find(int left, int right) {
        int slot = slotOf(pair(left, right));
        return pairs[slot] == FREE ? NONE : merges[slot];
    }

    /// Tells whether another table has the same pairs, each with the same rank and token.
    boolean hasMergesOf(MergeTable other) {
        int count = 0;
        for (int slot = 0; slot < pairs.length; slot++) {
            if (pairs[slot] != FREE) {
                count++;
                if (other.find((int) (pairs[slot] >>> 32), (int) pairs[slot]) != merges[slot]) {
                    return false;
                }
            }
        }
        return count == Arrays.stream(other.pairs).filter(pair -> pair != FREE).count();
    }

    private int slotOf(long pair) {
        int mask = pairs.length - 1;
        // Fibonacci hashing: the multiplier is 2^64 over the golden ratio, which spreads consecutive keys evenly.
        int slot = (int) ((pair * 0x9E3779B97F4A7C15L) >>> shift);
        while (pairs[slot] != pair && pairs[slot] != FREE) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    private static long pair(int left, int right) {
        return ((long) left << 32) | right;
    }
}
