package org.sparkqwen.engine.scheduler;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.cache.BlockTable;

/// The tokens of one text, and how far the model has computed them. There is no prefill and no decoding: computed
/// tokens catch up with known ones, and a generated token is one more known.
public final class Sequence {
    private final int promptTokens;
    private int[] tokens;
    private int length;
    private int computed;
    private int shared;
    private boolean started;
    private @Nullable BlockTable table; // of the computed tokens

    /// Makes a sequence of which nothing is computed, and nothing kept.
    public Sequence(int[] tokens) {
        promptTokens = tokens.length;
        this.tokens = tokens.clone();
        length = tokens.length;
    }

    /// Makes a sequence that is computed in one pass, with room for it in `table`.
    public Sequence(int[] tokens, BlockTable table) {
        this(tokens);
        this.table = table;
    }

    /// Makes a sequence of whose tokens another sequence of the same batch computes the first `computed`. The rest
    /// is computed in one pass, with room for it in `table`.
    public Sequence(int[] tokens, BlockTable table, int computed) {
        this(tokens, table);
        this.computed = computed;
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

    /// The number of tokens that it had from the beginning.
    public int promptTokens() {
        return promptTokens;
    }

    /// The number of known tokens that are not computed yet.
    public int pending() {
        return length - computed;
    }

    /// The number of tokens whose keys and values are in the cache.
    public int computed() {
        return computed;
    }

    /// The number of tokens whose keys and values were in the cache when the sequence began to run.
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

    /// Sets a table whose first `computed` positions are computed.
    ///
    /// @return whether the sequence gets a table for the first time
    boolean start(BlockTable table, int computed) {
        boolean first = !started;
        this.table = table;
        this.computed = computed;
        shared = first ? computed : shared;
        started = true;
        return first;
    }

    /// Drops the table; the computed tokens must then be computed again.
    void stop() {
        table = null;
        computed = 0;
    }

    void advance(int count) {
        computed += count;
    }
}
