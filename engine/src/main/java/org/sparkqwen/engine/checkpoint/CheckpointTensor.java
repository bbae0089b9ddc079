package org.sparkqwen.engine.checkpoint;

import java.util.Arrays;
import java.util.Optional;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A tensor of a checkpoint, whose numbers are read as floats. It is one of a file, is widened from a quantized
/// weight, or is merged with an adapter.
public sealed interface CheckpointTensor extends WeightFiles.Tensor permits TensorView, WidenedTensor, MergedTensor {
    /// The format of the numbers.
    DType dtype();

    @Override
    default String numberFormat() {
        return dtype().name();
    }

    default long elements() {
        return shape().stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    /// Reads `to.length` numbers from element `from` on, as floats.
    ///
    /// @param from the start of a block, where a format has blocks
    /// @param to has whole blocks of such a format
    void read(long from, float[] to);

    /// Reads consecutive rows of a matrix, as floats.
    ///
    /// @param first the first row
    /// @param rows gets them, `[rows][inputs]`
    default void readRows(int first, float[][] rows) {
        for (int row = 0; row < rows.length; row++) {
            read((long) (first + row) * shape().getLast(), rows[row]);
        }
    }

    /// The layout that can keep the integers and scales of a quantized matrix as they are; empty if none can.
    ///
    /// @throws InvalidModelException if a part of a quantized weight is damaged
    Optional<IntegerLayout> integers();

    /// The integers and scales of consecutive outputs of a matrix whose [#integers] fit a layout.
    ///
    /// @param first the first output
    /// @param count the number of outputs
    ScaledIntegers integers(int first, int count);

    /// Whether `other` has the same shape and the same numbers, in whichever formats. This reads both up to the
    /// first difference.
    default boolean equalsNumbersOf(CheckpointTensor other) {
        if (!shape().equals(other.shape())) {
            return false;
        }
        int compared = 1 << 16; // numbers at a time
        long elements = elements();
        for (long from = 0; from < elements; from += compared) {
            float[] here = new float[(int) Math.min(compared, elements - from)];
            float[] there = new float[here.length];
            read(from, here);
            other.read(from, there);
            if (!Arrays.equals(here, there)) {
                return false;
            }
        }
        return true;
    }
}
