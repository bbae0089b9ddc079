package org.sparkqwen.engine.adapter;

import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.quantized.StoredTensor;

/// What an adapter adds to a matrix: `scale · B·A`, in float32.
///
/// @param a `[rank, inputs]`
/// @param b `[outputs, rank]`
public record LoraUpdate(StoredTensor a, StoredTensor b, float scale) {
    /// Adds the product to some rows of the matrix. Each number is computed by itself, as the sum over the rank
    /// from its first index to its last, times the scale, plus the matrix's number. So its bits do not depend on
    /// which rows are computed together.
    ///
    /// @param first the output of the first row
    /// @param rows rows of the matrix, `[rows][inputs]`
    /// @throws InvalidModelException if a number is not finite afterwards and was before
    public void addTo(int first, float[][] rows) {
        int rank = a.shape().getFirst();
        int inputs = a.shape().getLast();
        float[][] sums = new float[rows.length][inputs];
        float[] ofRank = new float[inputs];
        for (int k = 0; k < rank; k++) {
            for (int input = 0; input < inputs; input++) {
                ofRank[input] = a.number((long) k * inputs + input);
            }
            for (int row = 0; row < rows.length; row++) {
                float factor = b.number((long) (first + row) * rank + k);
                float[] sum = sums[row];
                for (int input = 0; input < inputs; input++) {
                    sum[input] += factor * ofRank[input];
                }
            }
        }
        for (int row = 0; row < rows.length; row++) {
            add(sums[row], rows[row], first + row);
        }
    }

    private void add(float[] sum, float[] to, int output) {
        for (int input = 0; input < to.length; input++) {
            float merged = to[input] + scale * sum[input];
            if (!Float.isFinite(merged) && Float.isFinite(to[input])) {
                throw new InvalidModelException("%s: what %s and its A add to output %,d, input %,d is %s"
                        .formatted(a.path(), Quote.of(b.name()), output, input, scale * sum[input]));
            }
            to[input] = merged;
        }
    }
}
