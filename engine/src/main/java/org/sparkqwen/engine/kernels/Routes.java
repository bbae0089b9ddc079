package org.sparkqwen.engine.kernels;

/// The experts that a batch's tokens go to.
///
/// @param perToken experts of a token
/// @param experts `[tokens, perToken]`, of each token the likeliest first; of equals, the one of lower index
/// @param shares `[tokens, perToken]`: what each expert's output is multiplied with
public record Routes(int perToken, int[] experts, float[] shares) {}
