package org.sparkqwen.engine.kernels.code.builder;

import org.sparkqwen.engine.kernels.format.IntegerLayout;

/// The kinds of panels of [ByteTileCode].
public enum ByteTileKind {
    /// Many rows and a group that stays in the cache while they pass.
    MANY(IntegerLayout.INT8, 12),
    /// Few rows and a panel that comes from memory, in 8 bits.
    FEW_INT8(IntegerLayout.INT8, 8),
    /// Few rows and a panel that comes from memory, in 4 bits.
    FEW_INT4(IntegerLayout.INT4, 8);

    private final IntegerLayout layout;
    private final int highest;

    ByteTileKind(IntegerLayout layout, int highest) {
        this.layout = layout;
        this.highest = highest;
    }

    /// The kind for few rows of a layout.
    public static ByteTileKind few(IntegerLayout layout) {
        return switch (layout) {
            case INT8 -> FEW_INT8;
            case INT4 -> FEW_INT4;
        };
    }

    public IntegerLayout layout() {
        return layout;
    }

    /// The number of rows of the highest tile.
    public int highest() {
        return highest;
    }

    /// Whether the loop requests the next panel's lines, as is worth it for few rows.
    public boolean ahead() {
        return this != MANY;
    }
}
