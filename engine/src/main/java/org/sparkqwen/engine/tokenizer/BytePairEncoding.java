package org.sparkqwen.engine.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Byte-pair encoding (Sennrich et al., 2016, https://arxiv.org/abs/1508.07909) of a word's UTF-8 bytes. The
/// neighbours whose merge has the lowest rank are merged first, and the leftmost ones if several have it.
/// This goes on until no neighbours merge.
///
/// The candidates wait in a heap, so a word of n bytes takes O(n log n) however long it is. Most words of a
/// text have been seen before, so a table of fixed size remembers the ids of short words. It is safe for use
/// by many threads.
final class BytePairEncoding {
    /// The number of slots in the table of remembered words, a power of two. A full table takes about 4 MB.
    private static final int REMEMBERED_WORDS = 1 << 15;

    /// The length in chars of the longest word that is remembered, because longer words hardly ever occur
    /// twice.
    private static final int LONGEST_REMEMBERED = 32;

    private final int[] idOfByte;
    private final MergeTable merges;

    /// The latest word of each slot. Threads race for the slots without harm: a slot holds null or a word,
    /// every thread sees the word's final fields completely, and each word is right.
    private final @Nullable Word[] remembered = new @Nullable Word[REMEMBERED_WORDS];

    private static final class Word {
        final String text;

        /// The ids of the word, which never change.
        final int[] ids;

        Word(String text, int[] ids) {
            this.text = text;
            this.ids = ids;
        }

        boolean is(String other, int start, int end) {
            return text.length() == end - start && other.startsWith(text, start);
        }
    }

    /// @param idOfByte `[256]`
    BytePairEncoding(int[] idOfByte, MergeTable merges) {
        this.idOfByte = idOfByte.clone();
        this.merges = merges;
    }

    /// Tells whether another encoding gives each word the same ids.
    boolean hasMergesOf(BytePairEncoding other) {
        return Arrays.equals(idOfByte, other.idOfByte) && merges.hasMergesOf(other.merges);
    }

    /// Appends the tokens of the word `text[start, end)` to `out`.
    void encode(String text, int start, int end, TokenIds out) {
        if (end - start > LONGEST_REMEMBERED) {
            out.addAll(idsOf(text.substring(start, end)));
            return;
        }
        int hash = 0;
        for (int i = start; i < end; i++) {
            hash = 31 * hash + text.charAt(i);
        }
        int slot = (hash ^ (hash >>> 15)) & (REMEMBERED_WORDS - 1);
        Word word = remembered[slot];
        if (word == null || !word.is(text, start, end)) {
            String fresh = text.substring(start, end);
            word = new Word(fresh, idsOf(fresh));
            remembered[slot] = word;
        }
        out.addAll(word.ids);
    }

    private int[] idsOf(String word) {
        byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = idOfByte[bytes[i] & 0xFF];
        }
        return merged(ids);
    }

    /// Merges `ids` in place and returns the ids that are left.
    private int[] merged(int[] ids) {
        int length = ids.length;
        // This is a linked list through the array. A token stands where its first byte stood.
        int[] next = new int[length];
        int[] previous = new int[length];
        LongHeap candidates = new LongHeap(length);
        for (int i = 0; i < length; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < length) {
                offer(candidates, i, ids[i], ids[i + 1]);
            }
        }
        int left = length;
        while (!candidates.isEmpty()) {
            long candidate = candidates.removeFirst();
            int at = (int) candidate;
            // The tokens here may have merged since the candidate was offered. Then their rank is a different
            // one, or there is none.
            if (ids[at] < 0 || next[at] == length) {
                continue;
            }
            int second = next[at];
            long merge = merges.find(ids[at], ids[second]);
            if (merge == MergeTable.NONE || merge >>> 32 != candidate >>> 32) {
                continue;
            }
            ids[at] = (int) merge;
            ids[second] = -1;
            left--;
            int after = next[second];
            next[at] = after;
            if (after < length) {
                previous[after] = at;
                offer(candidates, at, ids[at], ids[after]);
            }
            if (previous[at] >= 0) {
                offer(candidates, previous[at], ids[previous[at]], ids[at]);
            }
        }
        int kept = 0;
        for (int i = 0; i < length; i = next[i]) {
            ids[kept++] = ids[i];
        }
        return Arrays.copyOf(ids, left);
    }

    /// A candidate is `rank << 32 | position`: the heap's order is the order of merging.
    private void offer(LongHeap candidates, int at, int leftId, int rightId) {
        long merge = merges.find(leftId, rightId);
        if (merge != MergeTable.NONE) {
            candidates.add(((merge >>> 32) << 32) | at);
        }
    }
}
