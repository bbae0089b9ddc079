package org.sparkqwen.engine.kernels;

import static org.sparkqwen.engine.kernels.Matrix.PANEL;

import java.util.Arrays;

/// The loops around the micro-kernel: which parts of a product of activations and weights are computed after which, so
/// that both are in the core's own cache when they are needed.
///
/// The activations of some hundred tokens, cut along the inputs, stay in the second-level cache while panel after panel
/// comes from memory and meets all of them: a weight is read once for as many multiply-adds as there are tokens. Of 96,
/// 192, 252 and 384 tokens with 256, 512 and 1,024 inputs these did best on a cache of 1 MB.
final class TiledProduct {
    /// Tokens that meet a panel together: a multiple of every tile's height.
    static final int TOKENS = 252;

    /// Inputs that are in the cache at a time: 1 MB of all tokens, 64 kB of a panel of bfloat16.
    static final int INPUTS = 1024;

    private TiledProduct() {}

    /// `sums[t][n] = Σₖ in[t][k] · weight[n][k]` for some tokens and the outputs of some panels.
    ///
    /// @param token where the first is packed: its tiles begin there
    /// @param tokens how many, at most [#TOKENS]
    /// @param sums `[tokens][stride]` from index `at`
    /// @param following address of the panel that is probably next, of as many inputs in the same format
    static void multiply(
            PackedActivations in,
            int token,
            int tokens,
            Matrix weight,
            int firstPanel,
            int panels,
            float[] sums,
            int at,
            int stride,
            ReadAhead ahead,
            long following) {
        MicroKernel kernel = weight instanceof Bf16Matrix ? MicroKernel.BF16 : MicroKernel.F32;
        int inputs = weight.inputs();
        int rowBytes = PANEL * weight.elementBytes();
        long panelBytes = (long) inputs * rowBytes;
        long first = weight.panelAddress(firstPanel);
        if (tokens == 1) {
            Arrays.fill(sums, at, at + panels * PANEL, 0f);
            accumulateRows(
                    kernel,
                    first,
                    panelBytes,
                    panels,
                    inputs,
                    in.floats(),
                    token * inputs,
                    inputs,
                    1,
                    sums,
                    at,
                    stride);
            return;
        }
        int piece = Math.ceilDiv(inputs, Math.ceilDiv(inputs, INPUTS));
        int[] heights = Tiling.heights(tokens);
        for (int input = 0; input < inputs; input += piece) {
            int length = Math.min(piece, inputs - input);
            int[][] shares = ahead.shares(heights, length, rowBytes);
            // After the last panel come the first one's next inputs, as many as there are now.
            boolean lastPiece = input + piece >= inputs;
            long after = lastPiece ? following : first + (long) Math.min(input + piece, inputs - length) * rowBytes;
            for (int panel = 0; panel < panels; panel++) {
                long address = first + panel * panelBytes + (long) input * rowBytes;
                long next = panel < panels - 1 ? address + panelBytes : after;
                for (int tile = 0, row = 0; tile < heights.length; row += heights[tile], tile++) {
                    int height = heights[tile];
                    int sum = at + row * stride + panel * PANEL;
                    if (input == 0) {
                        clear(sums, sum, stride, height);
                    }
                    int x = (token + row) * inputs + input * height;
                    int[] offsets = tile < shares.length ? shares[tile] : ReadAhead.nothing(length);
                    ahead.use(kernel.accumulate(
                            address, length, in.floats(), x, height, height, sums, sum, stride, next, offsets));
                }
            }
        }
    }

    /// `sums[t][j] += in[t] · panel[j]` for few tokens and some panels.
    ///
    /// @param first address of the first panel
    /// @param in `[rows][pitch]` from index `from`
    /// @param sums `[rows][stride]` from index `at`
    static void accumulateRows(
            MicroKernel kernel,
            long first,
            long panelBytes,
            int panels,
            int inputs,
            float[] in,
            int from,
            int pitch,
            int rows,
            float[] sums,
            int at,
            int stride) {
        int panel = 0;
        for (; panel <= panels - 4; panel += 4) {
            long panel0 = first + panel * panelBytes;
            long panel1 = panel0 + panelBytes;
            long panel2 = panel1 + panelBytes;
            long panel3 = panel2 + panelBytes;
            int sum = at + panel * PANEL;
            kernel.accumulateRows(panel0, panel1, panel2, panel3, inputs, in, from, pitch, rows, sums, sum, stride);
        }
        for (; panel < panels; panel++) {
            for (int row = 0; row < rows; row++) {
                int sum = at + row * stride + panel * PANEL;
                kernel.accumulate(first + panel * panelBytes, inputs, in, from + row * pitch, 1, 1, sums, sum, stride);
            }
        }
    }

    private static void clear(float[] sums, int tile, int stride, int height) {
        for (int row = 0; row < height; row++) {
            Arrays.fill(sums, tile + row * stride, tile + row * stride + PANEL, 0f);
        }
    }
}
