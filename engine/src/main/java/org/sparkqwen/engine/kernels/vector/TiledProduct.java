package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.kernels.format.WidenedFormat;

/// The loops around the micro-kernel. They order the parts of a product of activations and weights so that both are in
/// the core's own caches when they are needed. Each thread has its own.
///
/// With many tokens, a piece of a panel stays in the first-level cache as float32 while all of them pass. bfloat16 is
/// widened once a piece and not once a tile, whose loop would lose a twelfth of its multiply-adds to it where a
/// processor does both with the same units. The tokens, cut along the inputs in the same way, stay in the second-level
/// cache while panel after panel comes from memory and meets all of them: a weight is read once for as many
/// multiply-adds as there are tokens. With few tokens it matters most that weights arrive: pieces are longer and are
/// read where they lie, and [ReadAhead] requests the next ones.
final class TiledProduct {
    /// The number of tokens that meet a panel together: a multiple of every tile's height.
    static final int TOKENS = 288;

    /// The least number of tokens that counts as many.
    static final int MANY = 96;

    /// With many tokens, the number of inputs that are in the cache at a time: 32 kB of a panel, 12 kB of a tile.
    private static final int INPUTS_OF_MANY = 256;

    /// With few tokens, the number of inputs that are in the cache at a time: 64 kB of a panel of bfloat16.
    static final int INPUTS = 1024;

    /// The number of panels whose sums there is room for: a chunk of the head's logits.
    static final int PANELS = LogSumExp.CHUNK / PANEL;

    /// The number of panels that a single token meets at once.
    static final int PANELS_OF_ONE = 4;

    /// The number of floats of heap that an instance takes.
    static final int HEAP_FLOATS = TOKENS * PANELS * PANEL;

    /// The size of a cache line in bytes: a vector that starts with a line does not cross into another.
    private static final long LINE = 64;

    private final ReadAhead readAhead = new ReadAhead();
    private final MemorySegment widened = // a piece of a panel, [inputs][32]
            Arena.ofAuto().allocate((long) INPUTS_OF_MANY * PANEL * Float.BYTES, LINE);
    private final IntegerWidening integers = new IntegerWidening();
    private final IntegerRows rounded = new IntegerRows();
    private final float[] sums = new float[HEAP_FLOATS];
    private final Precision precision;

    TiledProduct(Precision precision) {
        this.precision = precision;
    }

    /// Computes `sums[n][t][j] = Σₖ in[t][k] · weight[n · 32 + j][k]` for some tokens and the outputs of some
    /// panels.
    ///
    /// @param token the place where the first token is packed; its tiles begin there
    /// @param tokens number of tokens, at most [#TOKENS]
    /// @param panels number of panels, at most [#PANELS] with those before `slot`
    /// @param slot the first panel's place in [#sums]; the sums before it stay
    /// @param next the weight that this thread probably needs next, and `nextPanel` its first panel; tiles of few
    ///     tokens read it ahead if its panels are like this weight's
    void multiply(
            PackedActivations in,
            int token,
            int tokens,
            Matrix weight,
            int firstPanel,
            int panels,
            int slot,
            Matrix next,
            int nextPanel) {
        Objects.checkFromIndexSize(firstPanel, panels, weight.panelCount());
        Arithmetic arithmetic = precision.arithmetic(weight.format());
        if (arithmetic.isRounded()) {
            multiplyRounded(arithmetic, in, token, tokens, weight, firstPanel, panels, slot);
            return;
        }
        if (arithmetic == Arithmetic.INTEGERS) {
            multiplyIntegers(in, token, tokens, weight, firstPanel, panels, slot);
            return;
        }
        boolean many = tokens >= MANY;
        Access access = Access.of(weight.format(), many);
        int inputs = weight.inputs();
        int rowBytes = access.rowBytes();
        long panelBytes = weight.format().panelBytes(inputs);
        long first = weight.panelAddress(firstPanel);
        if (tokens == 1 && !access.widens()) {
            int from = index(slot, 1, 0);
            Arrays.fill(sums, from, from + panels * PANEL, 0f);
            int x = token * inputs;
            MicroKernel one = access.ofOne();
            accumulateRows(one, first, panelBytes, panels, inputs, in.floats(), x, inputs, 1, sums, from, 0);
            return;
        }
        MicroKernel kernel = access.ofTiles();
        long following = isLike(weight, next) ? next.panelAddress(nextPanel) : first;
        int most = many || access.widens() ? INPUTS_OF_MANY : INPUTS;
        int piece = Math.ceilDiv(inputs, Math.ceilDiv(inputs, most));
        int[] heights = Tiling.heights(tokens);
        int height = Tiling.height(tokens);
        for (int input = 0; input < inputs; input += piece) {
            int length = Math.min(piece, inputs - input);
            int[][] shares = readAhead.shares(heights, length, rowBytes);
            // After the last panel come the first one's next inputs, as many as there are now.
            boolean lastPiece = input + piece >= inputs;
            long after = lastPiece ? following : first + (long) Math.min(input + piece, inputs - length) * rowBytes;
            for (int panel = 0; panel < panels; panel++) {
                long stored = first + panel * panelBytes + (long) input * rowBytes;
                long ahead = panel < panels - 1 ? stored + panelBytes : after;
                if (access.widens()) {
                    widen(weight, first + panel * panelBytes, input, length);
                }
                long address = access.widens() ? widened.address() : stored;
                int sum = index(slot + panel, height, 0);
                for (int tile = 0, row = 0; tile < heights.length; row += heights[tile], tile++) {
                    int rows = heights[tile];
                    if (input == 0) {
                        Arrays.fill(sums, sum, sum + rows * PANEL, 0f);
                    }
                    int x = (token + row) * inputs + input * rows;
                    int[] offsets = tile < shares.length ? shares[tile] : ReadAhead.nothing(length);
                    readAhead.use(kernel.accumulate(
                            address, length, in.floats(), x, rows, rows, sums, sum, PANEL, ahead, offsets));
                    sum += rows * PANEL;
                }
            }
        }
    }

    /// Multiplies in the arithmetic of instructions that the Vector API does not have. It is exact and not fast.
    private void multiplyRounded(
            Arithmetic arithmetic,
            PackedActivations in,
            int token,
            int tokens,
            Matrix weight,
            int firstPanel,
            int panels,
            int slot) {
        int inputs = weight.inputs();
        int[] heights = Tiling.heights(tokens);
        int height = Tiling.height(tokens);
        Arrays.fill(sums, index(slot, height, 0), index(slot + panels, height, 0), 0f);
        for (int panel = 0; panel < panels; panel++) {
            long address = weight.panelAddress(firstPanel + panel);
            for (int input = 0; input < inputs; input += INPUTS_OF_MANY) {
                int length = Math.min(INPUTS_OF_MANY, inputs - input);
                RoundedProduct.readPanel(weight, address, input, length, widened.address());
                int row = 0;
                for (int rows : heights) {
                    int x = (token + row) * inputs + input * rows;
                    int sum = index(slot + panel, height, row);
                    RoundedProduct.accumulate(arithmetic, widened.address(), length, in.floats(), x, rows, sums, sum);
                    row += rows;
                }
            }
        }
    }

    private void multiplyIntegers(
            PackedActivations in, int token, int tokens, Matrix weight, int firstPanel, int panels, int slot) {
        int height = Tiling.height(tokens);
        int row = 0;
        for (int rows : Tiling.heights(tokens)) {
            rounded.take(in.floats(), (token + row) * weight.inputs(), rows, weight.inputs());
            for (int panel = 0; panel < panels; panel++) {
                int sum = index(slot + panel, height, row);
                rounded.multiply(weight, weight.panelAddress(firstPanel + panel), rows, sums, sum);
            }
            row += rows;
        }
    }

    /// Whether a panel of `next` has the layout of one of `weight`, because reading ahead treats it as one of
    /// `weight`.
    private static boolean isLike(Matrix weight, Matrix next) {
        return next.format().equals(weight.format()) && next.inputs() == weight.inputs();
    }

    /// How panels of a format are read.
    ///
    /// @param ofOne the micro-kernel for a single token, if panels are read where they lie
    /// @param ofTiles the micro-kernel for tiles
    /// @param widens whether panels become float32 first, piece by piece
    /// @param rowBytes bytes of an input's row in a panel; 0 if a panel has no such rows, and then only the start
    ///     of the next panel is read ahead
    private record Access(MicroKernel ofOne, MicroKernel ofTiles, boolean widens, int rowBytes) {
        private static final int F32_ROW = PANEL * Float.BYTES;
        private static final int BF16_ROW = PANEL * Short.BYTES;
        private static final Access F32 = new Access(MicroKernel.F32, MicroKernel.DENSE_F32, false, F32_ROW);
        private static final Access BF16 = new Access(MicroKernel.BF16, MicroKernel.DENSE_BF16, false, BF16_ROW);
        private static final Access BF16_OF_MANY = new Access(MicroKernel.F32, MicroKernel.DENSE_F32, true, BF16_ROW);
        private static final Access WIDENED = new Access(MicroKernel.F32, MicroKernel.DENSE_F32, true, 0);

        static Access of(WeightFormat format, boolean many) {
            return switch (format) {
                case KnownFormat.F32 -> F32;
                case KnownFormat.BF16 -> many ? BF16_OF_MANY : BF16;
                case KnownFormat.INT8, KnownFormat.INT4 -> WIDENED;
                case WidenedFormat _ -> WIDENED;
            };
        }
    }

    /// Widens inputs `from` to `from + count - 1` of a panel, so that they are `[count][32]` in float32.
    ///
    /// @param panel address of the panel
    private void widen(Matrix weight, long panel, int from, int count) {
        switch (weight.format()) {
            case KnownFormat.F32 -> throw new IllegalStateException("float32 is not widened");
            case KnownFormat.BF16 ->
                OuterProduct.widen(panel + (long) from * Access.BF16_ROW, count, widened.address());
            case KnownFormat.INT8 -> integers.widen(IntegerLayout.INT8, panel, from, count, widened.address());
            case KnownFormat.INT4 -> integers.widen(IntegerLayout.INT4, panel, from, count, widened.address());
            case WidenedFormat other -> {
                for (int i = 0; i < count * PANEL; i++) {
                    float number = other.ofPanel(panel, weight.inputs(), from + i / PANEL, i % PANEL);
                    Memory.setFloat(widened.address() + (long) i * Float.BYTES, number);
                }
            }
        }
    }

    /// The sums of the last product, `[panels][Tiling.height(tokens)][32]`. The caller reads or changes them before
    /// the next product.
    float[] sums() {
        return sums;
    }

    /// The index in [#sums] of the 32 sums of a panel and a token.
    ///
    /// @param height the height of all tiles together: [Tiling#height]
    static int index(int slot, int height, int token) {
        return (slot * height + token) * PANEL;
    }

    /// Adds `sums[t][j] += in[t] · panel[j]` for few tokens and some panels.
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
        for (; panel <= panels - PANELS_OF_ONE; panel += PANELS_OF_ONE) {
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
}
