package org.sparkqwen.engine.checkpoint;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A norm and the matrices that read its output. Input channels whose weights are small everywhere are made greater
/// before the matrices are rounded, and the norm's weights smaller by the same factors.
///
/// In real models some channels of activations are a hundred times as large as others, and their weights are small.
/// Beside the other weights of their group they would round to nothing, although they decide as much. Factors are
/// powers of two, with which every product of a norm's output and a weight keeps its bits. So only rounding changes.
///
/// @param norm the name of a vector, `[inputs]`
/// @param matrices the names of all matrices, `[outputs, inputs]`, that read the norm's output
public record ColumnBalance(String norm, List<String> matrices) {
    /// The greatest power of two of a factor: no norm's weight leaves the range of float32.
    private static final int MOST = 20;

    public ColumnBalance {
        matrices = List.copyOf(matrices);
    }

    /// The factor of each channel's weights, which brings the channel near the median of all; null if all are 1.
    ///
    /// @param checkpoint has all the tensors
    float @Nullable [] factors(Checkpoint checkpoint) {
        int inputs = Math.toIntExact(checkpoint.find(norm).orElseThrow().elements());
        double[] squares = new double[inputs];
        float[] row = new float[inputs];
        for (String name : matrices) {
            CheckpointTensor matrix = checkpoint.find(name).orElseThrow();
            for (long from = 0; from < matrix.elements(); from += inputs) {
                matrix.read(from, row);
                for (int i = 0; i < inputs; i++) {
                    squares[i] += (double) row[i] * row[i];
                }
            }
        }
        double[] sorted = squares.clone();
        Arrays.sort(sorted);
        double median = sorted[inputs / 2];
        float[] factors = new float[inputs];
        boolean any = false;
        for (int i = 0; i < inputs; i++) {
            // The squares' exponent is twice that of the factor. Numbers that are not finite are refused later.
            double ratio = median / squares[i];
            boolean usable = ratio > 0 && ratio < Double.POSITIVE_INFINITY;
            int exponent = usable ? Math.clamp(Math.round(Math.getExponent(ratio) / 2f), -MOST, MOST) : 0;
            factors[i] = Math.scalb(1f, exponent);
            any |= exponent != 0;
        }
        return any ? factors : null;
    }
}
