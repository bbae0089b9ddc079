package org.sparkqwen.engine.kernels;

import static org.sparkqwen.engine.kernels.Matrix.PANEL;

import java.util.Arrays;

/// The loops around the micro-kernel: which parts of a product of activations and weights are computed after which, so
/// that both are in the core's own cache when they are needed.
///
/// Four panels, cut along the inputs, stay in the second-level cache while the tiles of some hundred tokens pass by.
/// For each float of a tile that comes from farther away there are 256 multiply-adds to do meanwhile, for each weight
/// as many as there are tokens.
final class TiledProduct {
    /// Tokens that are multiplied with a group of panels at a time: a multiple of every tile's height.
    static final int TOKENS = 252;

    /// Panels that the tokens meet together.
    static final int PANELS = 4;

    /// Inputs of a panel that are in the cache at a time: 64 kB of bfloat16, 128 kB of float32.
    private static final int INPUTS = 1024;

    private TiledProduct() {}

    /// `sums[t][n] = Σₖ in[t][k] · weight[n][k]` for some tokens and the outputs of some panels.
    ///
    /// @param token the first, a multiple of [#TOKENS]
    /// @param tokens how many, at most [#TOKENS]
    /// @param sums `[tokens][stride]` from index `at`
    static void multiply(
            PackedActivations in,
            int token,
            int tokens,
            Matrix weight,
            int firstPanel,
            int panels,
            float[] sums,
            int at,
            int stride) {
        for (int row = 0; row < tokens; row++) {
            int from = at + row * stride;
            Arrays.fill(sums, from, from + panels * PANEL, 0f);
        }
        boolean bf16 = weight instanceof Bf16Matrix;
        int element = bf16 ? Short.BYTES : Float.BYTES;
        int inputs = weight.inputs();
        int piece = Math.ceilDiv(inputs, Math.ceilDiv(inputs, INPUTS));
        for (int input = 0; input < inputs; input += piece) {
            int length = Math.min(piece, inputs - input);
            for (int row = 0, height; row < tokens; row += height) {
                height = OuterProduct.tileHeight(tokens - row);
                int tile = (token + row) * inputs + input * height;
                for (int panel = 0; panel < panels; panel++) {
                    long elements = ((long) (firstPanel + panel) * inputs + input) * PANEL;
                    OuterProduct.accumulate(
                            bf16,
                            weight.panels().address() + elements * element,
                            length,
                            in.floats(),
                            tile,
                            height,
                            height,
                            sums,
                            at + row * stride + panel * PANEL,
                            stride);
                }
            }
        }
    }
}
