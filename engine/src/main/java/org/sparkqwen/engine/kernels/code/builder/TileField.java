package org.sparkqwen.engine.kernels.code.builder;

/// The operands of [TileCode], 64-bit numbers in this order. Addresses are of native memory, and strides and distances
/// are in bytes.
public enum TileField {
    /// The address of the panel, `[inputs][32]`.
    PANEL,
    /// The number of turns of the loop, each of [TileKind#turnInputs] inputs.
    TURNS,
    /// The number of inputs after these turns.
    REST,
    /// The address of the first row's first input.
    IN,
    /// The distance from a row of `in` to the next.
    IN_STRIDE,
    /// The distance from the place after a tile's inputs to the start of the next tile.
    IN_TO_NEXT_TILE,
    /// The address of the sums that the first tile begins with; 0 if all begin at 0.
    FROM,
    FROM_STRIDE,
    /// The address of the first row's results.
    TO,
    TO_STRIDE,
    /// Whether results are added to what is there (1), or written (0).
    ADDS,
    /// The number of tiles; 1 if they are not of the greatest height.
    TILES,
    /// The address of what will be needed next.
    AHEAD,
    /// The number of cache lines of it that each tile requests before its loop.
    AHEAD_COUNT,
    /// The distance between the places of it that a loop requests in turns.
    AHEAD_STRIDE,
    /// The constant 0xffff0000, which keeps the upper halves of words.
    UPPER_HALF,
    /// The constants of [IntegerCode], if the panel has integers.
    CONSTANTS,
    /// The number of groups of the panel, if it has integers.
    GROUPS
}
