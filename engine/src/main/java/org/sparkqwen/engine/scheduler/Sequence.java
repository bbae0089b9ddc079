package org.sparkqwen.engine.scheduler;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.cache.BlockTable;

/// Tokens of one text and how far the model has computed them. There is no prefill and no decoding: computed tokens
/// catch up with known ones, and a generated token is one more known.
public final class Sequence {
    private final int promptTokens;
    private int[] tokens;
    private int length;
    private int computed;
    private int shared;
    private boolean started;
    private @Nullable BlockTable table; // of the computed tokens

    /// A sequence of which nothing is computed, and nothing kept.
    public Sequence(int[] tokens) {
        promptTokens = tokens.length;
        this.tokens = tokens.clone();
        length = tokens.length;
    }

    /// A sequence that is computed in one pass, with room for it in `table`.
    public Sequence(int[] tokens, BlockTable table) {
        this(tokens);
        this.table = table;
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

    /// Tokens that it had from the beginning.
    public int promptTokens() {
        return promptTokens;
    }

    /// Known tokens that are not computed yet.
    public int pending() {
        return length - computed;
    }

    /// Tokens whose keys and values are there.
    public int computed() {
        return computed;
    }

    /// Tokens whose keys and values were there when the sequence began to run.
    public int shared() {
        return shared;
    }

    public BlockTable table() {
        return Objects.requireNonNull(table, "the sequence is not running");
    }

    int token(int position) {
        return tokens[position];
    }

    int[] tokens() {
        return Arrays.copyOf(tokens, length);
    }

    /// Gets a table whose first `computed` positions are there.
    ///
    /// @return whether it never had one
    boolean start(BlockTable table, int computed) {
        boolean first = !started;
        this.table = table;
        this.computed = computed;
        shared = first ? computed : shared;
        started = true;
        return first;
    }

    /// Loses its table: what was computed must be computed again.
    void stop() {
        table = null;
        computed = 0;
    }

    void advance(int count) {
        computed += count;
    }
}
