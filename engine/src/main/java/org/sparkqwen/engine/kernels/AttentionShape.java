package org.sparkqwen.engine.kernels;

/// The sizes of grouped-query attention.
///
/// @param heads query heads
/// @param keyValueHeads key/value heads; divides `heads`, and each serves `heads / keyValueHeads` query heads
/// @param headDim numbers in a head's vector
public record AttentionShape(int heads, int keyValueHeads, int headDim) {
    public AttentionShape {
        if (heads < 1 || keyValueHeads < 1 || headDim < 1 || heads % keyValueHeads != 0) {
            throw new IllegalArgumentException("%d heads of %d, %d key/value heads: not a grouped-query attention"
                    .formatted(heads, headDim, keyValueHeads));
        }
    }

    /// The number of query heads that share a key/value head.
    public int group() {
        return heads / keyValueHeads;
    }

    /// The length of a token's queries, over all query heads.
    public int queryWidth() {
        return heads * headDim;
    }

    /// The length of a token's keys over all key/value heads, which is also that of its values.
    public int keyValueWidth() {
        return keyValueHeads * headDim;
    }
}
