package org.sparkqwen.engine.kernels;

import java.lang.constant.ConstantDescs;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The micro-kernel under every product of activations and weights, and under both halves of attention.
///
/// A tile of tokens times a panel of 32 outputs: for each input, one broadcast a token and two multiply-adds a
/// broadcast, all sums in registers. Twelve tokens by two 512-bit vectors fill 24 of 32 registers and reach the core's
/// multiply-add peak; four tokens by two vectors fit the 16 registers of 256-bit machines. Each output is one chain of
/// `fma` over the inputs in ascending order, continued from what `sums` holds, so neither the tile's height, nor the
/// width of a vector, nor cutting the inputs into several calls changes a bit.
///
/// Weights come from native memory; activations and sums are arrays on the heap, a few megabytes in all. A load or
/// store of an array costs the compiler a tenth of the nodes that one of a segment does, and with segments for all of
/// them a tile of twelve exceeds its budget for inlining and runs at a fifteenth of the speed.
///
/// Runs as one of [MicroKernel]'s copies, each with one format of panels.
final class OuterProduct implements MicroKernel {
    static final VectorSpecies<Float> FLOATS =
            FloatVector.SPECIES_PREFERRED.length() > 16 ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;
    static final int LANES = FLOATS.length();

    /// Tokens of the highest tile.
    static final int TILE = LANES == 16 ? 12 : 4;

    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * Short.SIZE));
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /// Whether this copy's panels hold bfloat16 or float32. A constant to the compiler, which then sees one format.
    private static final boolean BF16 = copyForBf16();

    private static final int ELEMENT_BYTES = BF16 ? Short.BYTES : Float.BYTES;

    private static boolean copyForBf16() {
        try {
            return Boolean.TRUE.equals(
                    MethodHandles.classData(MethodHandles.lookup(), ConstantDescs.DEFAULT_NAME, Boolean.class));
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /// The height of the next tile when `tokens` are left: one of 12, 8, 4 and 1. It may be more than are left: two
    /// tokens take no less time than four.
    ///
    /// The first tile waits for its panel to come from memory, in which time a low one computes less than a high one
    /// could; so those of 8 come before those of 12, and two of 8 are faster than one of 12 and one of 4.
    static int tileHeight(int tokens) {
        if (tokens == 1) {
            return 1;
        }
        int rounded = Math.ceilDiv(tokens, 4) * 4;
        if (rounded % TILE == 0) {
            return TILE;
        }
        return rounded == 4 ? 4 : 8;
    }

    @Override
    public void accumulate(
            long panel, int inputs, float[] in, int from, int pitch, int height, float[] sums, int at, int stride) {
        for (int column = 0; column < Matrix.PANEL; column += 2 * LANES) {
            long weights = panel + (long) column * ELEMENT_BYTES;
            switch (height) {
                case 12 -> tile12(weights, inputs, in, from, pitch, sums, at + column, stride);
                case 8 -> tile8(weights, inputs, in, from, pitch, sums, at + column, stride);
                case 4 -> tile4(weights, inputs, in, from, pitch, sums, at + column, stride);
                case 1 -> tile1(weights, inputs, in, from, pitch, sums, at + column);
                default -> throw new IllegalArgumentException("no tile of %d tokens".formatted(height));
            }
        }
    }

    private static void tile12(
            long weights, int inputs, float[] in, int from, int pitch, float[] sums, int at, int stride) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + LANES);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + LANES);
        FloatVector a2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride + LANES);
        FloatVector a3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride + LANES);
        FloatVector a4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride);
        FloatVector b4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride + LANES);
        FloatVector a5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride);
        FloatVector b5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride + LANES);
        FloatVector a6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride);
        FloatVector b6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride + LANES);
        FloatVector a7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride);
        FloatVector b7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride + LANES);
        FloatVector a8 = FloatVector.fromArray(FLOATS, sums, at + 8 * stride);
        FloatVector b8 = FloatVector.fromArray(FLOATS, sums, at + 8 * stride + LANES);
        FloatVector a9 = FloatVector.fromArray(FLOATS, sums, at + 9 * stride);
        FloatVector b9 = FloatVector.fromArray(FLOATS, sums, at + 9 * stride + LANES);
        FloatVector a10 = FloatVector.fromArray(FLOATS, sums, at + 10 * stride);
        FloatVector b10 = FloatVector.fromArray(FLOATS, sums, at + 10 * stride + LANES);
        FloatVector a11 = FloatVector.fromArray(FLOATS, sums, at + 11 * stride);
        FloatVector b11 = FloatVector.fromArray(FLOATS, sums, at + 11 * stride + LANES);
        for (int input = 0; input < inputs; input++) {
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector left = weights(w);
            FloatVector right = weights(w + (long) LANES * ELEMENT_BYTES);
            int x = from + input * pitch;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[x]);
            a0 = x0.fma(left, a0);
            b0 = x0.fma(right, b0);
            FloatVector x1 = FloatVector.broadcast(FLOATS, in[x + 1]);
            a1 = x1.fma(left, a1);
            b1 = x1.fma(right, b1);
            FloatVector x2 = FloatVector.broadcast(FLOATS, in[x + 2]);
            a2 = x2.fma(left, a2);
            b2 = x2.fma(right, b2);
            FloatVector x3 = FloatVector.broadcast(FLOATS, in[x + 3]);
            a3 = x3.fma(left, a3);
            b3 = x3.fma(right, b3);
            FloatVector x4 = FloatVector.broadcast(FLOATS, in[x + 4]);
            a4 = x4.fma(left, a4);
            b4 = x4.fma(right, b4);
            FloatVector x5 = FloatVector.broadcast(FLOATS, in[x + 5]);
            a5 = x5.fma(left, a5);
            b5 = x5.fma(right, b5);
            FloatVector x6 = FloatVector.broadcast(FLOATS, in[x + 6]);
            a6 = x6.fma(left, a6);
            b6 = x6.fma(right, b6);
            FloatVector x7 = FloatVector.broadcast(FLOATS, in[x + 7]);
            a7 = x7.fma(left, a7);
            b7 = x7.fma(right, b7);
            FloatVector x8 = FloatVector.broadcast(FLOATS, in[x + 8]);
            a8 = x8.fma(left, a8);
            b8 = x8.fma(right, b8);
            FloatVector x9 = FloatVector.broadcast(FLOATS, in[x + 9]);
            a9 = x9.fma(left, a9);
            b9 = x9.fma(right, b9);
            FloatVector x10 = FloatVector.broadcast(FLOATS, in[x + 10]);
            a10 = x10.fma(left, a10);
            b10 = x10.fma(right, b10);
            FloatVector x11 = FloatVector.broadcast(FLOATS, in[x + 11]);
            a11 = x11.fma(left, a11);
            b11 = x11.fma(right, b11);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + LANES);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + LANES);
        a2.intoArray(sums, at + 2 * stride);
        b2.intoArray(sums, at + 2 * stride + LANES);
        a3.intoArray(sums, at + 3 * stride);
        b3.intoArray(sums, at + 3 * stride + LANES);
        a4.intoArray(sums, at + 4 * stride);
        b4.intoArray(sums, at + 4 * stride + LANES);
        a5.intoArray(sums, at + 5 * stride);
        b5.intoArray(sums, at + 5 * stride + LANES);
        a6.intoArray(sums, at + 6 * stride);
        b6.intoArray(sums, at + 6 * stride + LANES);
        a7.intoArray(sums, at + 7 * stride);
        b7.intoArray(sums, at + 7 * stride + LANES);
        a8.intoArray(sums, at + 8 * stride);
        b8.intoArray(sums, at + 8 * stride + LANES);
        a9.intoArray(sums, at + 9 * stride);
        b9.intoArray(sums, at + 9 * stride + LANES);
        a10.intoArray(sums, at + 10 * stride);
        b10.intoArray(sums, at + 10 * stride + LANES);
        a11.intoArray(sums, at + 11 * stride);
        b11.intoArray(sums, at + 11 * stride + LANES);
    }

    private static void tile8(
            long weights, int inputs, float[] in, int from, int pitch, float[] sums, int at, int stride) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + LANES);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + LANES);
        FloatVector a2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride + LANES);
        FloatVector a3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride + LANES);
        FloatVector a4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride);
        FloatVector b4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride + LANES);
        FloatVector a5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride);
        FloatVector b5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride + LANES);
        FloatVector a6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride);
        FloatVector b6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride + LANES);
        FloatVector a7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride);
        FloatVector b7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride + LANES);
        for (int input = 0; input < inputs; input++) {
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector left = weights(w);
            FloatVector right = weights(w + (long) LANES * ELEMENT_BYTES);
            int x = from + input * pitch;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[x]);
            a0 = x0.fma(left, a0);
            b0 = x0.fma(right, b0);
            FloatVector x1 = FloatVector.broadcast(FLOATS, in[x + 1]);
            a1 = x1.fma(left, a1);
            b1 = x1.fma(right, b1);
            FloatVector x2 = FloatVector.broadcast(FLOATS, in[x + 2]);
            a2 = x2.fma(left, a2);
            b2 = x2.fma(right, b2);
            FloatVector x3 = FloatVector.broadcast(FLOATS, in[x + 3]);
            a3 = x3.fma(left, a3);
            b3 = x3.fma(right, b3);
            FloatVector x4 = FloatVector.broadcast(FLOATS, in[x + 4]);
            a4 = x4.fma(left, a4);
            b4 = x4.fma(right, b4);
            FloatVector x5 = FloatVector.broadcast(FLOATS, in[x + 5]);
            a5 = x5.fma(left, a5);
            b5 = x5.fma(right, b5);
            FloatVector x6 = FloatVector.broadcast(FLOATS, in[x + 6]);
            a6 = x6.fma(left, a6);
            b6 = x6.fma(right, b6);
            FloatVector x7 = FloatVector.broadcast(FLOATS, in[x + 7]);
            a7 = x7.fma(left, a7);
            b7 = x7.fma(right, b7);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + LANES);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + LANES);
        a2.intoArray(sums, at + 2 * stride);
        b2.intoArray(sums, at + 2 * stride + LANES);
        a3.intoArray(sums, at + 3 * stride);
        b3.intoArray(sums, at + 3 * stride + LANES);
        a4.intoArray(sums, at + 4 * stride);
        b4.intoArray(sums, at + 4 * stride + LANES);
        a5.intoArray(sums, at + 5 * stride);
        b5.intoArray(sums, at + 5 * stride + LANES);
        a6.intoArray(sums, at + 6 * stride);
        b6.intoArray(sums, at + 6 * stride + LANES);
        a7.intoArray(sums, at + 7 * stride);
        b7.intoArray(sums, at + 7 * stride + LANES);
    }

    private static void tile4(
            long weights, int inputs, float[] in, int from, int pitch, float[] sums, int at, int stride) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + LANES);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + LANES);
        FloatVector a2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride + LANES);
        FloatVector a3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride + LANES);
        for (int input = 0; input < inputs; input++) {
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector left = weights(w);
            FloatVector right = weights(w + (long) LANES * ELEMENT_BYTES);
            int x = from + input * pitch;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[x]);
            a0 = x0.fma(left, a0);
            b0 = x0.fma(right, b0);
            FloatVector x1 = FloatVector.broadcast(FLOATS, in[x + 1]);
            a1 = x1.fma(left, a1);
            b1 = x1.fma(right, b1);
            FloatVector x2 = FloatVector.broadcast(FLOATS, in[x + 2]);
            a2 = x2.fma(left, a2);
            b2 = x2.fma(right, b2);
            FloatVector x3 = FloatVector.broadcast(FLOATS, in[x + 3]);
            a3 = x3.fma(left, a3);
            b3 = x3.fma(right, b3);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + LANES);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + LANES);
        a2.intoArray(sums, at + 2 * stride);
        b2.intoArray(sums, at + 2 * stride + LANES);
        a3.intoArray(sums, at + 3 * stride);
        b3.intoArray(sums, at + 3 * stride + LANES);
    }

    private static void tile1(long weights, int inputs, float[] in, int from, int pitch, float[] sums, int at) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + LANES);
        for (int input = 0; input < inputs; input++) {
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector left = weights(w);
            FloatVector right = weights(w + (long) LANES * ELEMENT_BYTES);
            int x = from + input * pitch;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[x]);
            a0 = x0.fma(left, a0);
            b0 = x0.fma(right, b0);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + LANES);
    }

    /// Half a panel's width at a time: with eight loads from native memory the loop exceeds the compiler's budget
    /// for inlining, and what the first half read the second finds in the cache.
    @Override
    public void accumulateRow(
            long panel0,
            long panel1,
            long panel2,
            long panel3,
            int inputs,
            float[] in,
            int from,
            float[] sums,
            int at) {
        for (int column = 0; column < Matrix.PANEL; column += LANES) {
            long offset = (long) column * ELEMENT_BYTES;
            row(
                    panel0 + offset,
                    panel1 + offset,
                    panel2 + offset,
                    panel3 + offset,
                    inputs,
                    in,
                    from,
                    sums,
                    at + column);
        }
    }

    private static void row(
            long panel0,
            long panel1,
            long panel2,
            long panel3,
            int inputs,
            float[] in,
            int from,
            float[] sums,
            int at) {
        FloatVector sum0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector sum1 = FloatVector.fromArray(FLOATS, sums, at + Matrix.PANEL);
        FloatVector sum2 = FloatVector.fromArray(FLOATS, sums, at + 2 * Matrix.PANEL);
        FloatVector sum3 = FloatVector.fromArray(FLOATS, sums, at + 3 * Matrix.PANEL);
        for (int input = 0; input < inputs; input++) {
            long w = (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector x = FloatVector.broadcast(FLOATS, in[from + input]);
            sum0 = x.fma(weights(panel0 + w), sum0);
            sum1 = x.fma(weights(panel1 + w), sum1);
            sum2 = x.fma(weights(panel2 + w), sum2);
            sum3 = x.fma(weights(panel3 + w), sum3);
        }
        sum0.intoArray(sums, at);
        sum1.intoArray(sums, at + Matrix.PANEL);
        sum2.intoArray(sums, at + 2 * Matrix.PANEL);
        sum3.intoArray(sums, at + 3 * Matrix.PANEL);
    }

    static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(FLOATS, Memory.ALL, address, ORDER);
    }

    static void store(FloatVector vector, long address) {
        vector.intoMemorySegment(Memory.ALL, address, ORDER);
    }

    private static FloatVector weights(long address) {
        return BF16 ? widen(address) : load(address);
    }

    /// bfloat16 is the upper half of a float's bits.
    static FloatVector widen(long address) {
        return ((IntVector) ShortVector.fromMemorySegment(SHORTS, Memory.ALL, address, ORDER)
                        .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, 16)
                .reinterpretAsFloats();
    }
}
