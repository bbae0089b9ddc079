package org.sparkqwen.engine.kernels.vector;

import java.lang.constant.ConstantDescs;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.vector.MicroKernel.Operands;

/// The micro-kernel under every product of activations and weights, and under both halves of attention.
///
/// It multiplies a tile of tokens with a panel of 32 outputs. For each input and token there is one broadcast and two
/// multiply-adds, one for the left half of the outputs and one for the right, and all sums stay in registers. Twelve
/// tokens by two 512-bit vectors fill 24 of 32 registers and reach the core's multiply-add peak; four tokens by two
/// vectors fit the 16 registers of 256-bit machines. Each output is one chain of `fma` over the inputs in ascending
/// order, continued from what `sums` holds, so neither the tile's height, nor the width of a vector, nor cutting the
/// inputs into several calls changes a bit.
///
/// Weights come from native memory; activations and sums are arrays on the heap, a few megabytes in all. A load or
/// store of an array costs the compiler a tenth of the nodes of a load or store of a segment. With segments for all of
/// them a tile of twelve exceeds its budget for inlining and runs at a fifteenth of the speed.
///
/// It runs as one of [MicroKernel]'s copies, each for one kind of operands.
public final class OuterProduct implements MicroKernel {
    public static final VectorSpecies<Float> FLOATS =
            FloatVector.SPECIES_PREFERRED.length() > 16 ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;
    public static final int LANES = FLOATS.length();

    /// The number of tokens of the highest tile.
    static final int TILE = LANES == 16 ? 12 : 4;

    /// The number of outputs in half a panel: the left half comes first, and the right half after it.
    private static final int HALF = Matrix.PANEL / 2;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private static final Operands OPERANDS = operands();

    // These are constants to the compiler, which then sees one kind of operands.
    private static final boolean BF16 = OPERANDS.bf16();
    private static final boolean DENSE = OPERANDS.dense();

    private static final int ELEMENT_BYTES = BF16 ? Short.BYTES : Float.BYTES;

    /// Whether two tokens meet four panels at once. Their 16 sums need 32 registers, and with the widening of
    /// bfloat16 the loop exceeds the compiler's budget for inlining.
    private static final boolean TWO_ROWS = LANES == 16 && !BF16;

    private static Operands operands() {
        try {
            Operands copied =
                    MethodHandles.classData(MethodHandles.lookup(), ConstantDescs.DEFAULT_NAME, Operands.class);
            return copied == null
                    ? new Operands(KnownFormat.F32, false)
                    : copied; // of the class itself, whose loads are used
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public int accumulate(
            long panel,
            int inputs,
            float[] in,
            int from,
            int pitch,
            int height,
            float[] sums,
            int at,
            int stride,
            long ahead,
            int[] offsets) {
        int read = 0;
        for (int column = 0; column < HALF; column += LANES) {
            long weights = panel + (long) column * Float.BYTES;
            switch (height) {
                case 12 -> tile12(weights, inputs, in, from, pitch, sums, at + column, stride);
                case 8 -> read += tile8(weights, inputs, in, from, pitch, sums, at + column, stride, ahead, offsets);
                case 4 -> read += tile4(weights, inputs, in, from, pitch, sums, at + column, stride, ahead, offsets);
                case 1 -> tile1(weights, inputs, in, from, pitch, sums, at + column);
                default -> throw new IllegalArgumentException("no tile of %d tokens".formatted(height));
            }
        }
        return read;
    }

    private static void tile12(
            long weights, int inputs, float[] in, int from, int pitch, float[] sums, int at, int spacing) {
        int stride = DENSE ? Matrix.PANEL : spacing;
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + HALF);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + HALF);
        FloatVector a2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride + HALF);
        FloatVector a3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride + HALF);
        FloatVector a4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride);
        FloatVector b4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride + HALF);
        FloatVector a5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride);
        FloatVector b5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride + HALF);
        FloatVector a6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride);
        FloatVector b6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride + HALF);
        FloatVector a7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride);
        FloatVector b7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride + HALF);
        FloatVector a8 = FloatVector.fromArray(FLOATS, sums, at + 8 * stride);
        FloatVector b8 = FloatVector.fromArray(FLOATS, sums, at + 8 * stride + HALF);
        FloatVector a9 = FloatVector.fromArray(FLOATS, sums, at + 9 * stride);
        FloatVector b9 = FloatVector.fromArray(FLOATS, sums, at + 9 * stride + HALF);
        FloatVector a10 = FloatVector.fromArray(FLOATS, sums, at + 10 * stride);
        FloatVector b10 = FloatVector.fromArray(FLOATS, sums, at + 10 * stride + HALF);
        FloatVector a11 = FloatVector.fromArray(FLOATS, sums, at + 11 * stride);
        FloatVector b11 = FloatVector.fromArray(FLOATS, sums, at + 11 * stride + HALF);
        for (int input = 0; input < inputs; input++) {
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector words = load(w);
            FloatVector left = left(words);
            FloatVector right = right(words, w);
            int x = from + input * (DENSE ? 12 : pitch);
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
        b0.intoArray(sums, at + HALF);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + HALF);
        a2.intoArray(sums, at + 2 * stride);
        b2.intoArray(sums, at + 2 * stride + HALF);
        a3.intoArray(sums, at + 3 * stride);
        b3.intoArray(sums, at + 3 * stride + HALF);
        a4.intoArray(sums, at + 4 * stride);
        b4.intoArray(sums, at + 4 * stride + HALF);
        a5.intoArray(sums, at + 5 * stride);
        b5.intoArray(sums, at + 5 * stride + HALF);
        a6.intoArray(sums, at + 6 * stride);
        b6.intoArray(sums, at + 6 * stride + HALF);
        a7.intoArray(sums, at + 7 * stride);
        b7.intoArray(sums, at + 7 * stride + HALF);
        a8.intoArray(sums, at + 8 * stride);
        b8.intoArray(sums, at + 8 * stride + HALF);
        a9.intoArray(sums, at + 9 * stride);
        b9.intoArray(sums, at + 9 * stride + HALF);
        a10.intoArray(sums, at + 10 * stride);
        b10.intoArray(sums, at + 10 * stride + HALF);
        a11.intoArray(sums, at + 11 * stride);
        b11.intoArray(sums, at + 11 * stride + HALF);
    }

    private static int tile8(
            long weights,
            int inputs,
            float[] in,
            int from,
            int pitch,
            float[] sums,
            int at,
            int spacing,
            long ahead,
            int[] offsets) {
        int stride = DENSE ? Matrix.PANEL : spacing;
        int read = 0;
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + HALF);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + HALF);
        FloatVector a2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride + HALF);
        FloatVector a3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride + HALF);
        FloatVector a4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride);
        FloatVector b4 = FloatVector.fromArray(FLOATS, sums, at + 4 * stride + HALF);
        FloatVector a5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride);
        FloatVector b5 = FloatVector.fromArray(FLOATS, sums, at + 5 * stride + HALF);
        FloatVector a6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride);
        FloatVector b6 = FloatVector.fromArray(FLOATS, sums, at + 6 * stride + HALF);
        FloatVector a7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride);
        FloatVector b7 = FloatVector.fromArray(FLOATS, sums, at + 7 * stride + HALF);
        for (int input = 0; input < inputs; input++) {
            read += Memory.getInt(ahead + offsets[input]);
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector words = load(w);
            FloatVector left = left(words);
            FloatVector right = right(words, w);
            int x = from + input * (DENSE ? 8 : pitch);
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
        b0.intoArray(sums, at + HALF);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + HALF);
        a2.intoArray(sums, at + 2 * stride);
        b2.intoArray(sums, at + 2 * stride + HALF);
        a3.intoArray(sums, at + 3 * stride);
        b3.intoArray(sums, at + 3 * stride + HALF);
        a4.intoArray(sums, at + 4 * stride);
        b4.intoArray(sums, at + 4 * stride + HALF);
        a5.intoArray(sums, at + 5 * stride);
        b5.intoArray(sums, at + 5 * stride + HALF);
        a6.intoArray(sums, at + 6 * stride);
        b6.intoArray(sums, at + 6 * stride + HALF);
        a7.intoArray(sums, at + 7 * stride);
        b7.intoArray(sums, at + 7 * stride + HALF);
        return read;
    }

    private static int tile4(
            long weights,
            int inputs,
            float[] in,
            int from,
            int pitch,
            float[] sums,
            int at,
            int spacing,
            long ahead,
            int[] offsets) {
        int stride = DENSE ? Matrix.PANEL : spacing;
        int read = 0;
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + HALF);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + HALF);
        FloatVector a2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride);
        FloatVector b2 = FloatVector.fromArray(FLOATS, sums, at + 2 * stride + HALF);
        FloatVector a3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride);
        FloatVector b3 = FloatVector.fromArray(FLOATS, sums, at + 3 * stride + HALF);
        for (int input = 0; input < inputs; input++) {
            read += Memory.getInt(ahead + offsets[input]);
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector words = load(w);
            FloatVector left = left(words);
            FloatVector right = right(words, w);
            int x = from + input * (DENSE ? 4 : pitch);
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
        b0.intoArray(sums, at + HALF);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + HALF);
        a2.intoArray(sums, at + 2 * stride);
        b2.intoArray(sums, at + 2 * stride + HALF);
        a3.intoArray(sums, at + 3 * stride);
        b3.intoArray(sums, at + 3 * stride + HALF);
        return read;
    }

    private static void tile1(long weights, int inputs, float[] in, int from, int pitch, float[] sums, int at) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + HALF);
        for (int input = 0; input < inputs; input++) {
            long w = weights + (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector words = load(w);
            FloatVector left = left(words);
            FloatVector right = right(words, w);
            int x = from + input * pitch;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[x]);
            a0 = x0.fma(left, a0);
            b0 = x0.fma(right, b0);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + HALF);
    }

    @Override
    public void accumulateRows(
            long panel0,
            long panel1,
            long panel2,
            long panel3,
            int inputs,
            float[] in,
            int from,
            int pitch,
            int rows,
            float[] sums,
            int at,
            int stride) {
        for (int column = 0; column < HALF; column += LANES) {
            long offset = (long) column * Float.BYTES;
            long w0 = panel0 + offset;
            long w1 = panel1 + offset;
            long w2 = panel2 + offset;
            long w3 = panel3 + offset;
            int row = 0;
            if (TWO_ROWS) {
                for (; row <= rows - 2; row += 2) {
                    int x = from + row * pitch;
                    rows2(w0, w1, w2, w3, inputs, in, x, pitch, sums, at + row * stride + column, stride);
                }
            }
            for (; row < rows; row++) {
                rows1(w0, w1, w2, w3, inputs, in, from + row * pitch, sums, at + row * stride + column);
            }
        }
    }

    private static void rows2(
            long panel0,
            long panel1,
            long panel2,
            long panel3,
            int inputs,
            float[] in,
            int from,
            int pitch,
            float[] sums,
            int at,
            int stride) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + HALF);
        FloatVector c0 = FloatVector.fromArray(FLOATS, sums, at + Matrix.PANEL);
        FloatVector d0 = FloatVector.fromArray(FLOATS, sums, at + Matrix.PANEL + HALF);
        FloatVector e0 = FloatVector.fromArray(FLOATS, sums, at + 2 * Matrix.PANEL);
        FloatVector f0 = FloatVector.fromArray(FLOATS, sums, at + 2 * Matrix.PANEL + HALF);
        FloatVector g0 = FloatVector.fromArray(FLOATS, sums, at + 3 * Matrix.PANEL);
        FloatVector h0 = FloatVector.fromArray(FLOATS, sums, at + 3 * Matrix.PANEL + HALF);
        FloatVector a1 = FloatVector.fromArray(FLOATS, sums, at + stride);
        FloatVector b1 = FloatVector.fromArray(FLOATS, sums, at + stride + HALF);
        FloatVector c1 = FloatVector.fromArray(FLOATS, sums, at + stride + Matrix.PANEL);
        FloatVector d1 = FloatVector.fromArray(FLOATS, sums, at + stride + Matrix.PANEL + HALF);
        FloatVector e1 = FloatVector.fromArray(FLOATS, sums, at + stride + 2 * Matrix.PANEL);
        FloatVector f1 = FloatVector.fromArray(FLOATS, sums, at + stride + 2 * Matrix.PANEL + HALF);
        FloatVector g1 = FloatVector.fromArray(FLOATS, sums, at + stride + 3 * Matrix.PANEL);
        FloatVector h1 = FloatVector.fromArray(FLOATS, sums, at + stride + 3 * Matrix.PANEL + HALF);
        for (int input = 0; input < inputs; input++) {
            long offset = (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[from + input]);
            FloatVector x1 = FloatVector.broadcast(FLOATS, in[from + pitch + input]);
            FloatVector words0 = load(panel0 + offset);
            FloatVector left0 = left(words0);
            a0 = x0.fma(left0, a0);
            a1 = x1.fma(left0, a1);
            FloatVector right0 = right(words0, panel0 + offset);
            b0 = x0.fma(right0, b0);
            b1 = x1.fma(right0, b1);
            FloatVector words1 = load(panel1 + offset);
            FloatVector left1 = left(words1);
            c0 = x0.fma(left1, c0);
            c1 = x1.fma(left1, c1);
            FloatVector right1 = right(words1, panel1 + offset);
            d0 = x0.fma(right1, d0);
            d1 = x1.fma(right1, d1);
            FloatVector words2 = load(panel2 + offset);
            FloatVector left2 = left(words2);
            e0 = x0.fma(left2, e0);
            e1 = x1.fma(left2, e1);
            FloatVector right2 = right(words2, panel2 + offset);
            f0 = x0.fma(right2, f0);
            f1 = x1.fma(right2, f1);
            FloatVector words3 = load(panel3 + offset);
            FloatVector left3 = left(words3);
            g0 = x0.fma(left3, g0);
            g1 = x1.fma(left3, g1);
            FloatVector right3 = right(words3, panel3 + offset);
            h0 = x0.fma(right3, h0);
            h1 = x1.fma(right3, h1);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + HALF);
        c0.intoArray(sums, at + Matrix.PANEL);
        d0.intoArray(sums, at + Matrix.PANEL + HALF);
        e0.intoArray(sums, at + 2 * Matrix.PANEL);
        f0.intoArray(sums, at + 2 * Matrix.PANEL + HALF);
        g0.intoArray(sums, at + 3 * Matrix.PANEL);
        h0.intoArray(sums, at + 3 * Matrix.PANEL + HALF);
        a1.intoArray(sums, at + stride);
        b1.intoArray(sums, at + stride + HALF);
        c1.intoArray(sums, at + stride + Matrix.PANEL);
        d1.intoArray(sums, at + stride + Matrix.PANEL + HALF);
        e1.intoArray(sums, at + stride + 2 * Matrix.PANEL);
        f1.intoArray(sums, at + stride + 2 * Matrix.PANEL + HALF);
        g1.intoArray(sums, at + stride + 3 * Matrix.PANEL);
        h1.intoArray(sums, at + stride + 3 * Matrix.PANEL + HALF);
    }

    private static void rows1(
            long panel0,
            long panel1,
            long panel2,
            long panel3,
            int inputs,
            float[] in,
            int from,
            float[] sums,
            int at) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector b0 = FloatVector.fromArray(FLOATS, sums, at + HALF);
        FloatVector c0 = FloatVector.fromArray(FLOATS, sums, at + Matrix.PANEL);
        FloatVector d0 = FloatVector.fromArray(FLOATS, sums, at + Matrix.PANEL + HALF);
        FloatVector e0 = FloatVector.fromArray(FLOATS, sums, at + 2 * Matrix.PANEL);
        FloatVector f0 = FloatVector.fromArray(FLOATS, sums, at + 2 * Matrix.PANEL + HALF);
        FloatVector g0 = FloatVector.fromArray(FLOATS, sums, at + 3 * Matrix.PANEL);
        FloatVector h0 = FloatVector.fromArray(FLOATS, sums, at + 3 * Matrix.PANEL + HALF);
        for (int input = 0; input < inputs; input++) {
            long offset = (long) input * Matrix.PANEL * ELEMENT_BYTES;
            FloatVector x0 = FloatVector.broadcast(FLOATS, in[from + input]);
            FloatVector words0 = load(panel0 + offset);
            FloatVector left0 = left(words0);
            a0 = x0.fma(left0, a0);
            FloatVector right0 = right(words0, panel0 + offset);
            b0 = x0.fma(right0, b0);
            FloatVector words1 = load(panel1 + offset);
            FloatVector left1 = left(words1);
            c0 = x0.fma(left1, c0);
            FloatVector right1 = right(words1, panel1 + offset);
            d0 = x0.fma(right1, d0);
            FloatVector words2 = load(panel2 + offset);
            FloatVector left2 = left(words2);
            e0 = x0.fma(left2, e0);
            FloatVector right2 = right(words2, panel2 + offset);
            f0 = x0.fma(right2, f0);
            FloatVector words3 = load(panel3 + offset);
            FloatVector left3 = left(words3);
            g0 = x0.fma(left3, g0);
            FloatVector right3 = right(words3, panel3 + offset);
            h0 = x0.fma(right3, h0);
        }
        a0.intoArray(sums, at);
        b0.intoArray(sums, at + HALF);
        c0.intoArray(sums, at + Matrix.PANEL);
        d0.intoArray(sums, at + Matrix.PANEL + HALF);
        e0.intoArray(sums, at + 2 * Matrix.PANEL);
        f0.intoArray(sums, at + 2 * Matrix.PANEL + HALF);
        g0.intoArray(sums, at + 3 * Matrix.PANEL);
        h0.intoArray(sums, at + 3 * Matrix.PANEL + HALF);
    }

    /// Widens inputs of a panel of bfloat16 to float32, for [MicroKernel]s that then meet no bfloat16.
    ///
    /// @param from address of `[inputs][32]`, in the layout of `Bf16Panels`
    /// @param to address of `[inputs][32]`
    static void widen(long from, int inputs, long to) {
        for (int input = 0; input < inputs; input++) {
            for (int column = 0; column < HALF; column += LANES) {
                long offset = (long) column * Float.BYTES;
                FloatVector words = load(from + (long) input * Matrix.PANEL * Short.BYTES + offset);
                long at = to + (long) input * Matrix.PANEL * Float.BYTES + offset;
                store(lowHalves(words), at);
                store(highHalves(words), at + (long) HALF * Float.BYTES);
            }
        }
    }

    public static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(FLOATS, Memory.ALL, address, ORDER);
    }

    static void store(FloatVector vector, long address) {
        vector.intoMemorySegment(Memory.ALL, address, ORDER);
    }

    /// The left outputs' weights from loaded words.
    private static FloatVector left(FloatVector words) {
        return BF16 ? lowHalves(words) : words;
    }

    /// The right outputs' weights: from the same words in bfloat16, or from those after all left ones in float32.
    ///
    /// @param address of the words
    private static FloatVector right(FloatVector words, long address) {
        return BF16 ? highHalves(words) : load(address + (long) HALF * Float.BYTES);
    }

    /// Widens the bfloat16 numbers in the low halves of words, because bfloat16 is the upper half of a float's
    /// bits.
    static FloatVector lowHalves(FloatVector words) {
        return words.reinterpretAsInts().lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    static FloatVector highHalves(FloatVector words) {
        return words.reinterpretAsInts()
                .lanewise(VectorOperators.AND, 0xffff0000)
                .reinterpretAsFloats();
    }
}
