package org.sparkqwen.engine.scheduler;

import java.util.Arrays;
import org.sparkqwen.engine.cache.KeyValueCache;

/// Tokens of one text and how far the model has computed them. There is no prefill and no decoding: computed tokens
/// catch up with known ones, and a generated token is one more known.
public final class Sequence implements AutoCloseable {
    private final KeyValueCache cache;
    private int[] tokens;
    private int length;
    private int computed;

    /// @param cache closed with the sequence
    public Sequence(int[] tokens, KeyValueCache cache) {
        this.tokens = tokens.clone();
        this.length = tokens.length;
        this.cache = cache;
    }

    public void append(int token) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(16, tokens.length * 2));
        }
        tokens[length++] = token;
    }

    public int length() {
        return length;
    }

    /// Known tokens that are not computed yet.
    public int pending() {
        return length - computed;
    }

    int computed() {
        return computed;
    }

    int token(int position) {
        return tokens[position];
    }

    KeyValueCache cache() {
        return cache;
    }

    void markComputed() {
        computed = length;
    }

    @Override
    public void close() {
        cache.close();
    }
}
