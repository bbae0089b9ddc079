package org.sparkqwen.engine.kernels;

import java.util.Arrays;

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
        team.run(Math.ceilDiv(tokens, OuterProduct.TILE), (part, worker) -> {
            int start = part * OuterProduct.TILE;
            int end = Math.min(tokens, start + OuterProduct.TILE);
            for (int token = start, height; token < end; token += height) {
                height = OuterProduct.tileHeight(end - token);
                int count = Math.min(height, end - token);
                packTile(rows + (long) token * inputs * Float.BYTES, inputs, count, height, floats, token * inputs);
            }
        });
    }

    float[] floats() {
        return floats;
    }

    /// Rows of a tile past the last token are zeros.
    private static void packTile(long rows, int inputs, int count, int height, float[] to, int at) {
        long rowBytes = (long) inputs * Float.BYTES;
        int first = 0;
        if (count == Transposition.TILE) {
            for (; first <= inputs - Transposition.SQUARE; first += Transposition.SQUARE) {
                Transposition.tile(rows + (long) first * Float.BYTES, rowBytes, to, at + first * height);
            }
        }
        if (count < height) {
            Arrays.fill(to, at, at + inputs * height, 0f);
        }
        for (int row = 0; row < count; row++) {
            for (int input = first; input < inputs; input++) {
                to[at + input * height + row] = Memory.getFloat(rows + row * rowBytes + (long) input * Float.BYTES);
            }
        }
    }
}
