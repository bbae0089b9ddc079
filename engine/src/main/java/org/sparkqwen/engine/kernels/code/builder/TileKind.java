package org.sparkqwen.engine.kernels.code.builder;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.IntegerLayout;

/// The kinds of operands of [TileCode].
public enum TileKind {
    /// Many rows and a panel that is in the cache.
    MANY(false, false, false),
    /// Pairs of bfloat16 numbers, in rows and in a panel that is in the cache.
    PAIRS(false, true, false),
    /// Few rows and a panel that comes from memory.
    FEW_F32(false, false, true),
    FEW_BF16(true, false, true),
    /// Few rows of pairs of bfloat16 numbers, and a panel of bfloat16 numbers that comes from memory.
    FEW_PAIRS(true, true, true),
    FEW_INT8(IntegerLayout.INT8),
    FEW_INT4(IntegerLayout.INT4);

    /// The number of places of the next panel that are requested in turns.
    public static final int STREAMS = 4;

    private final boolean bf16;
    private final boolean pairs;
    private final boolean ahead;
    private final @Nullable IntegerLayout integers;

    TileKind(boolean bf16, boolean pairs, boolean ahead) {
        this.bf16 = bf16;
        this.pairs = pairs;
        this.ahead = ahead;
        integers = null;
    }

    TileKind(IntegerLayout integers) {
        bf16 = false;
        pairs = false;
        ahead = true;
        this.integers = integers;
    }

    /// Whether a panel has bfloat16 numbers, which are widened or joined to pairs in the loop.
    boolean bf16() {
        return bf16;
    }

    /// Whether the loop requests the next panel's lines, as is worth it for few rows.
    public boolean ahead() {
        return ahead;
    }

    /// Whether an input is a pair of bfloat16 numbers, which one instruction multiplies and adds.
    boolean pairs() {
        return pairs;
    }

    /// The layout of the panel's integers, which are widened in the loop; null if it has none.
    @Nullable
    public IntegerLayout integers() {
        return integers;
    }

    /// The number of inputs in one turn of the loop: integers have 256 bytes, four cache lines.
    public int turnInputs() {
        return integers == null ? TileCode.UNROLLED : 2 * integers.wordInputs();
    }

    /// The number of rows of the highest tile with AVX-512.
    public int highest() {
        return ahead ? TileCode.HIGHEST_AHEAD : TileCode.HIGHEST;
    }
}
