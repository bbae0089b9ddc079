package org.sparkqwen.engine.kernels.vector;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToLongFunction;
import org.sparkqwen.engine.kernels.ThreadTeam;
import org.sparkqwen.engine.kernels.format.Memory;

/// The activations of one operation in the order in which [OuterProduct] reads them: tile after tile of tokens, each
/// `[inputs][height]`, so that a tile's broadcasts are consecutive.
final class PackedActivations {
    /// The number of floats that are packed at once, 48 MB of heap. An operation on more tokens than fit reads the
    /// weights again.
    private static final int CAPACITY = 12 << 20;

    /// The number of rows of the highest tile on any processor, because memory needs are also computed without the
    /// vector module.
    private static final int HIGHEST_TILE = 12;

    private final ThreadTeam team;
    private float[] floats = new float[0];

    PackedActivations(ThreadTeam team) {
        this.team = team;
    }

    /// The number of tokens of `inputs` numbers that are packed together.
    static int blockTokens(int inputs) {
        return Math.max(1, CAPACITY / inputs / TiledProduct.TOKENS) * TiledProduct.TOKENS;
    }

    /// The number of floats of heap that operations on `tokens` rows of at most `inputs` numbers take.
    static long floats(int tokens, int inputs) {
        return (long) padded(Math.min(tokens, blockTokens(inputs))) * inputs;
    }

    /// The number of floats of heap that the rows of experts take, where each expert has tiles of its own.
    static long floatsOfExperts(int rows, int experts, int inputs) {
        return (rows + 3L * (experts + rows / TiledProduct.TOKENS)) * inputs; // a tile of 4 may lack three
    }

    /// Rounds up to whole tiles, because the last tile may be higher than tokens are left.
    private static int padded(int tokens) {
        return Math.ceilDiv(tokens, HIGHEST_TILE) * HIGHEST_TILE;
    }

    /// Packs `tokens` rows of `inputs` floats; the tile of token `t` starts at index `t · inputs`.
    ///
    /// @param rows address of `[tokens, inputs]`
    /// @param tokens at most [#blockTokens]
    void pack(long rows, int tokens, int inputs) {
        List<Tile> tiles = new ArrayList<>();
        int end = 0;
        for (int start = 0; start < tokens; start += TiledProduct.TOKENS) {
            int first = start;
            int count = Math.min(TiledProduct.TOKENS, tokens - first);
            end = addTiles(tiles, first, count, i -> rows + (long) (first + i) * inputs * Float.BYTES);
        }
        pack(tiles, end, inputs);
    }

    /// Packs rows that lie anywhere; a tile starts at index `slot · inputs`.
    ///
    /// @param end the slot after the last one
    void pack(List<Tile> tiles, int end, int inputs) {
        if (floats.length < Math.multiplyExact(end, inputs)) {
            floats = new float[end * inputs];
        }
        team.run(tiles.size(), (part, worker) -> {
            Tile tile = tiles.get(part);
            packTile(tile.rows(), inputs, floats, tile.slot() * inputs);
        });
    }

    /// A tile: rows that are packed together.
    ///
    /// @param slot the slot of the first row; each row has one
    /// @param rows the rows' addresses, as many as the tile is high
    record Tile(int slot, long[] rows) {}

    /// Adds the tiles in which [TiledProduct] takes `count` rows, at most [TiledProduct#TOKENS]. If a tile is
    /// higher than rows are left, the last row stands for the missing ones.
    ///
    /// @param slot the slot of the first row
    /// @return the slot after the last
    static int addTiles(List<Tile> tiles, int slot, int count, IntToLongFunction address) {
        int row = 0;
        for (int height : Tiling.heights(count)) {
            long[] rows = new long[height];
            for (int i = 0; i < height; i++) {
                rows[i] = address.applyAsLong(Math.min(row + i, count - 1));
            }
            tiles.add(new Tile(slot + row, rows));
            row += height;
        }
        return slot + row;
    }

    private static void packTile(long[] rows, int inputs, float[] to, int at) {
        int height = rows.length;
        if (height == 1) {
            VectorKernels.read(rows[0], to, at, inputs);
            return;
        }
        int first = 0;
        if (Transposition.POSSIBLE) {
            for (; first <= inputs - Transposition.SQUARE; first += Transposition.SQUARE) {
                Transposition.tile(rows, (long) first * Float.BYTES, to, at + first * height);
            }
        }
        for (int row = 0; row < height; row++) {
            for (int input = first; input < inputs; input++) {
                to[at + input * height + row] = Memory.getFloat(rows[row] + (long) input * Float.BYTES);
            }
        }
    }

    float[] floats() {
        return floats;
    }
}
