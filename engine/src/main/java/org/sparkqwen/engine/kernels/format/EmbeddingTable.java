package org.sparkqwen.engine.kernels.format;

/// A vector for each token of a vocabulary, `[outputs, inputs]`: the embedding in rows of its own, or the panels of the
/// head that shares it. In panels, a token's vector is a column of a panel, and reading it costs little beside the
/// arithmetic on it.
public sealed interface EmbeddingTable permits Matrix, RowTable {
    /// The number of tokens.
    int outputs();

    /// The length of a vector.
    int inputs();

    /// Writes the vector of a token as float32, which is exact.
    ///
    /// @param token below [#outputs]
    /// @param to address of `[inputs]`
    /// @throws IndexOutOfBoundsException if there is no such token
    void read(int token, long to);
}
