package org.sparkqwen.engine.kernels.format;

/// The weights of a matrix as integers and scales: a weight is `integer · scale`. A format of integers holds them as
/// they are ([IntegerLayout]), so nothing is rounded.
public interface ScaledIntegers {
    /// Fills `integers`, `[inputs]`, with the integers of one output.
    void read(int output, byte[] integers);

    /// The scale of a weight. Inputs that share a scale in the format have the same one here.
    float scale(int output, int input);
}
