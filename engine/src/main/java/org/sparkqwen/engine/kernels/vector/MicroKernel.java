package org.sparkqwen.engine.kernels.vector;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.util.Objects;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.format.KnownFormat;

/// The product of a tile of tokens and a panel of weights: [OuterProduct], for one format of weights.
///
/// The JVM compiles a method once, for all kinds of operands that have passed through it. After panels of both formats,
/// it compiled the loop of [OuterProduct] in some runs to code that allocates vectors, and scoring was then 20 times as
/// slow. So the class is loaded once for each kind of operands, as a hidden class of the same bytes. The compiler sees
/// many methods and the reader one, and in each the kind is a constant.
interface MicroKernel {
    MicroKernel F32 = copy(KnownFormat.F32, false);
    MicroKernel BF16 = copy(KnownFormat.BF16, false);

    /// The micro-kernel for [TiledProduct] on float32: its `pitch` is `height` and its `stride` is 32, whatever is
    /// given.
    MicroKernel DENSE_F32 = copy(KnownFormat.F32, true);

    MicroKernel DENSE_BF16 = copy(KnownFormat.BF16, true);

    /// The micro-kernel for blocks of keys and values of a format.
    static MicroKernel of(KeyValueFormat format) {
        return switch (format) {
            case F32 -> F32;
            case BF16 -> BF16;
            case INT8 -> throw new IllegalStateException("integers are widened before");
        };
    }

    /// The kind of operands that a copy of the class serves.
    ///
    /// @param format the format of the panels
    /// @param dense whether a tile's activations and sums lie without gaps. With constant distances the compiler
    ///     leaves six instructions and two checks out of a loop of sixty, which is not limited by its multiply-adds
    ///     alone
    record Operands(KnownFormat format, boolean dense) {
        /// Whether a vector of words holds both halves of a panel's row, and not the left half alone.
        boolean bf16() {
            return switch (format) {
                case F32 -> false;
                case BF16 -> true;
                case INT8, INT4 -> throw new IllegalStateException("integers are widened before");
            };
        }
    }

    /// Adds `sums[t][j] += in[t] * panel[j]` for the `height` tokens of a tile and the 32 outputs of a panel.
    ///
    /// Meanwhile, for each input, tiles of 8 and of 4 read a number from native memory ahead of its use:
    /// [ReadAhead].
    ///
    /// @param panel address of `[inputs][32]`
    /// @param in the tile's activations, `[inputs][pitch]` from index `from`, of which the first `height` count
    /// @param height one of the tile heights of [Tiling]
    /// @param sums `[height][stride]` from index `at`
    /// @param ahead address of the panel that is probably next
    /// @param offsets `[inputs]`: distances from `ahead` in bytes
    /// @return the sum of what was read ahead, which means nothing
    int accumulate(
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
            int[] offsets);

    /// Adds the same products without reading anything ahead.
    default void accumulate(
            long panel, int inputs, float[] in, int from, int pitch, int height, float[] sums, int at, int stride) {
        int[] nothing = ReadAhead.nothing(inputs);
        accumulate(panel, inputs, in, from, pitch, height, sums, at, stride, panel, nothing);
    }

    /// Adds `sums[t][j] += in[t] · panel[j]` for few tokens and the outputs of four panels. Products of few tokens
    /// are limited by memory, which gives nine tenths of its rate when four streams are read a whole cache line at
    /// a time.
    ///
    /// @param panel0 address of `[inputs][32]`, as the other three panels are
    /// @param in the tokens' activations, `[rows][pitch]` from index `from`, of which the first `inputs` count
    /// @param sums `[rows][stride]` from index `at`, of which the first `4 · 32` are the panels'
    void accumulateRows(
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
            int stride);

    private static MicroKernel copy(KnownFormat format, boolean dense) {
        try (InputStream bytes = OuterProduct.class.getResourceAsStream("OuterProduct.class")) {
            return (MicroKernel) MethodHandles.lookup()
                    .defineHiddenClassWithClassData(
                            Objects.requireNonNull(bytes).readAllBytes(), new Operands(format, dense), true)
                    .lookupClass()
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
