package org.sparkqwen.engine.kernels;

/// How the numbers of a row and of one output's weights become a sum: the roundings and the order of additions, from
/// which every bit follows. `ScalarProduct` and [IntegerProduct] are the references.
///
/// Arithmetic in bfloat16 is that of instructions, which [Bf16Math] models: both factors are rounded to bfloat16, each
/// multiply-add is rounded once to float32, and numbers too small to be normal count as zero. Inputs that fill up the
/// last pair or block are zeros.
public enum Arithmetic {
    /// One chain of `fma` in float32 over the inputs in ascending order.
    FLOATS,

    /// One chain over pairs of inputs in ascending order, in which the second input of a pair comes before the
    /// first: VDPBF16PS.
    PAIRS,

    /// Blocks of 32 inputs. In each, the even inputs are a chain that begins at zero, the odd inputs are another,
    /// and their sum is added to the sum of the blocks before: TDPBF16PS.
    BLOCKS,

    /// Blocks as in [#BLOCKS], with activations that are split into `x₁ + x₂`. For each block, the sum of its
    /// products with `x₁` is added first, and then the sum of its products with `x₂`.
    SPLIT_BLOCKS,

    /// Integers of 8 bits on both sides, whose products are added exactly within a group of inputs:
    /// [IntegerProduct].
    INTEGERS;

    /// The number of inputs of a block.
    public static final int BLOCK = 32;

    /// Whether factors are rounded to bfloat16.
    public boolean isRounded() {
        return parts() > 0;
    }

    /// The number of bfloat16 numbers that stand for an activation; 0 if none do.
    public int parts() {
        return switch (this) {
            case FLOATS, INTEGERS -> 0;
            case PAIRS, BLOCKS -> 1;
            case SPLIT_BLOCKS -> 2;
        };
    }
}
