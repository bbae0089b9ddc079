package org.sparkqwen.engine.constraint;

import java.util.Arrays;
import java.util.Collection;

/// An immutable set of token ids, with one bit for each id.
public final class TokenSet {
    private final long[] words;
    private final int size;

    /// @param words kept and not copied; token `t` is bit `t % 64` of word `t / 64`
    TokenSet(long[] words) {
        this.words = words;
        int ones = 0;
        for (long word : words) {
            ones += Long.bitCount(word);
        }
        size = ones;
    }

    /// Returns this set together with `tokens`, which must be in the vocabulary.
    public TokenSet with(Collection<Integer> tokens) {
        long[] more = words.clone();
        for (int token : tokens) {
            if (0 <= token && token < words.length * Long.SIZE) {
                more[token / Long.SIZE] |= 1L << token;
            }
        }
        return new TokenSet(more);
    }

    /// Tells whether the set contains `token`. It may be any number. A number that is not a token of the
    /// vocabulary is not in the set.
    public boolean contains(int token) {
        return 0 <= token && token < words.length * Long.SIZE && (words[token / Long.SIZE] >>> token & 1) == 1;
    }

    /// Returns the number of tokens in the set.
    public int size() {
        return size;
    }

    /// Returns the number of words for all tokens of the vocabulary.
    public int words() {
        return words.length;
    }

    /// Returns the bits of tokens `64 * i` to `64 * i + 63`, from the lowest bit to the highest.
    public long word(int i) {
        return words[i];
    }

    /// Returns a copy of all words, of which [#word] is one.
    public long[] toWords() {
        return words.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TokenSet set && Arrays.equals(words, set.words);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(words);
    }
}
