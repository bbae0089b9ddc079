package org.sparkqwen.engine.kernels.vector;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.util.Objects;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// A product of a tile of tokens and a panel of weights: [OuterProduct], for one format of weights.
///
/// The JVM compiles a method once, for whatever has passed through it. When panels of both formats had, the loop of
/// [OuterProduct] was compiled to code that allocates vectors, in some runs and not in others, and then scored 20 times
/// as slowly. So the class is loaded once for each kind of operands, as a hidden class of the same bytes: many methods
/// for the compiler, one for the reader, and in each the kind is a constant.
interface MicroKernel {
    MicroKernel F32 = copy(false, false);
    MicroKernel BF16 = copy(true, false);

    /// Those of [TiledProduct]: a `pitch` of `height` and a `stride` of 32, whatever is given.
    MicroKernel DENSE_F32 = copy(false, true);

    MicroKernel DENSE_BF16 = copy(true, true);

    /// The micro-kernel for blocks of keys and values of a format.
    static MicroKernel of(KeyValueFormat format) {
        return switch (format) {
            case F32 -> F32;
            case BF16 -> BF16;
        };
    }

    /// What a copy is for.
    ///
    /// @param bf16 whether panels hold bfloat16, not float32
    /// @param dense whether a tile's activations and sums lie without gaps. With distances that are constants the
    ///     compiler leaves six instructions and two checks out of a loop of sixty, which is not limited by its
    ///     multiply-adds alone
    record Operands(boolean bf16, boolean dense) {}

    /// `sums[t][j] += in[t] * panel[j]` for the `height` tokens of a tile and the 32 outputs of a panel.
    ///
    /// Meanwhile tiles of 8 and of 4 read a number from native memory for each input: [ReadAhead].
    ///
    /// @param panel address of `[inputs][32]`
    /// @param in the tile's activations, `[inputs][pitch]` from index `from`, of which the first `height` count
    /// @param height one of [Tiling]'s
    /// @param sums `[height][stride]` from index `at`
    /// @param ahead address of the panel that is probably next
    /// @param offsets in bytes from `ahead` on, `[inputs]`
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

    /// Likewise, reading nothing ahead.
    default void accumulate(
            long panel, int inputs, float[] in, int from, int pitch, int height, float[] sums, int at, int stride) {
        int[] nothing = ReadAhead.nothing(inputs);
        accumulate(panel, inputs, in, from, pitch, height, sums, at, stride, panel, nothing);
    }

    /// `sums[t][j] += in[t] · panel[j]` for few tokens and the outputs of four panels. Few tokens wait for
    /// memory, and of four streams that are read a whole cache line at a time it gives nine tenths of what it can.
    ///
    /// @param panel0 address of `[inputs][32]`, likewise the others
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

    private static MicroKernel copy(boolean bf16, boolean dense) {
        try (InputStream bytes = OuterProduct.class.getResourceAsStream("OuterProduct.class")) {
            return (MicroKernel) MethodHandles.lookup()
                    .defineHiddenClassWithClassData(
                            Objects.requireNonNull(bytes).readAllBytes(), new Operands(bf16, dense), true)
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
