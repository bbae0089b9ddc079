package org.sparkqwen.engine.kernels;

/// The experts that a batch's tokens go to.
///
/// @param perToken number of experts of a token
/// @param experts `[tokens, perToken]`: each token's most likely expert first, and of equals the one with the lower
///     index
/// @param shares `[tokens, perToken]`: the routing weights with which the experts' outputs are multiplied
public record Routes(int perToken, int[] experts, float[] shares) {}
