package org.sparkqwen.engine.kernels;

/// The activations of one operation in the order in which [OuterProduct] reads them: tile after tile of tokens, each
/// `[inputs][height]`, so that a tile's broadcasts are consecutive.
final class PackedActivations {
    private final ThreadTeam team;
    private float[] floats = new float[0];

    PackedActivations(ThreadTeam team) {
        this.team = team;
    }

    /// Packs `tokens` rows of `inputs` floats; the tile of token `t` starts at index `t · inputs`.
    void pack(long rows, int tokens, int inputs) {
        if (floats.length < tokens * inputs) {
            floats = new float[tokens * inputs];
        }
        int tiles = tokens / OuterProduct.TILE;
        int rest = tokens - tiles * OuterProduct.TILE;
        team.run(tiles + (rest > 0 ? 1 : 0), (part, worker) -> {
            int start = part * OuterProduct.TILE;
            int end = Math.min(tokens, start + OuterProduct.TILE);
            for (int token = start, height; token < end; token += height) {
                height = OuterProduct.tileHeight(end - token);
                packTile(rows + (long) token * inputs * Float.BYTES, inputs, height, floats, token * inputs);
            }
        });
    }

    float[] floats() {
        return floats;
    }

    private static void packTile(long rows, int inputs, int height, float[] to, int at) {
        for (int row = 0; row < height; row++) {
            long from = rows + (long) row * inputs * Float.BYTES;
            for (int input = 0; input < inputs; input++) {
                to[at + input * height + row] = Memory.getFloat(from + (long) input * Float.BYTES);
            }
        }
    }
}
