package org.sparkqwen.engine.kernels;

import java.util.ArrayList;
import java.util.List;

/// The activations of one operation in the order in which [OuterProduct] reads them: tile after tile of tokens, each
/// `[inputs][height]`, so that a tile's broadcasts are consecutive.
final class PackedActivations {
    /// Floats that are packed at once, 48 MB of heap; an operation on more tokens than fit passes over the weights
    /// again.
    private static final int CAPACITY = 12 << 20;

    private final ThreadTeam team;
    private float[] floats = new float[0];

    PackedActivations(ThreadTeam team) {
        this.team = team;
    }

    /// Tokens of `inputs` numbers that are packed together.
    static int blockTokens(int inputs) {
        return Math.max(1, CAPACITY / inputs / TiledProduct.TOKENS) * TiledProduct.TOKENS;
    }

    /// Floats of heap that operations on `tokens` rows of at most `inputs` numbers take.
    static long floats(int tokens, int inputs) {
        return (long) padded(Math.min(tokens, blockTokens(inputs))) * inputs;
    }

    /// The last tile may be higher than tokens are left.
    private static int padded(int tokens) {
        return Math.ceilDiv(tokens, OuterProduct.TILE) * OuterProduct.TILE;
    }

    /// Packs `tokens` rows of `inputs` floats; the tile of token `t` starts at index `t · inputs`.
    ///
    /// @param rows address of `[tokens, inputs]`
    /// @param tokens at most [#blockTokens]
    void pack(long rows, int tokens, int inputs) {
        if (floats.length < padded(tokens) * inputs) {
            floats = new float[padded(tokens) * inputs];
        }
        List<Tile> tiles = tiles(tokens);
        team.run(tiles.size(), (part, worker) -> {
            Tile tile = tiles.get(part);
            long from = rows + (long) tile.token() * inputs * Float.BYTES;
            packTile(from, inputs, tile.count(), tile.height(), floats, tile.token() * inputs);
        });
    }

    /// Some tokens that are packed together.
    ///
    /// @param token the first
    /// @param count how many; `height`, or fewer at the end
    private record Tile(int token, int count, int height) {}

    /// The tiles in which [TiledProduct] takes `tokens` tokens.
    private static List<Tile> tiles(int tokens) {
        List<Tile> tiles = new ArrayList<>();
        for (int start = 0; start < tokens; start += TiledProduct.TOKENS) {
            int end = Math.min(tokens, start + TiledProduct.TOKENS);
            int token = start;
            for (int height : Tiling.heights(end - start)) {
                tiles.add(new Tile(token, Math.min(height, end - token), height));
                token += height;
            }
        }
        return tiles;
    }

    /// In a tile that is higher than tokens are left, the last stands for those that are missing.
    private static void packTile(long rows, int inputs, int count, int height, float[] to, int at) {
        long rowBytes = (long) inputs * Float.BYTES;
        if (height == 1) {
            VectorKernels.read(rows, to, at, inputs);
            return;
        }
        int first = 0;
        if (Transposition.POSSIBLE) {
            for (; first <= inputs - Transposition.SQUARE; first += Transposition.SQUARE) {
                Transposition.tile(rows + (long) first * Float.BYTES, rowBytes, count, height, to, at + first * height);
            }
        }
        for (int row = 0; row < height; row++) {
            long from = rows + Math.min(row, count - 1) * rowBytes;
            for (int input = first; input < inputs; input++) {
                to[at + input * height + row] = Memory.getFloat(from + (long) input * Float.BYTES);
            }
        }
    }

    float[] floats() {
        return floats;
    }
}
