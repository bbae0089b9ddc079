package org.sparkqwen.engine.checkpoint;

import java.util.List;
import org.sparkqwen.engine.kernels.Matrix;

/// A tensor in the form in which the engine computes with it. It is made, and written, in pieces that need no more than
/// some megabytes.
///
/// @param shape `[outputs, inputs]` of a matrix, `[width]` of a vector
/// @param offset of its first byte in the data of a packed file; a multiple of [PackedLayout#ALIGNMENT]
public record PackedTensor(String name, Form form, List<Integer> shape, long offset) implements WeightFiles.Tensor {

    /// The form of the numbers, which are little-endian.
    public enum Form {
        /// Panels of bfloat16, `[ceil(outputs / 32)][inputs][32]`, zero past the last output: see [Matrix].
        PANELS_BF16(DType.BF16, 2),
        PANELS_F32(DType.F32, 2),
        /// Rows of bfloat16, `[outputs][inputs]`, for an embedding that no head shares.
        ROWS_BF16(DType.BF16, 2),
        ROWS_F32(DType.F32, 2),
        VECTOR_F32(DType.F32, 1);

        private final DType dtype;
        private final int dimensions;

        Form(DType dtype, int dimensions) {
            this.dtype = dtype;
            this.dimensions = dimensions;
        }

        int dimensions() {
            return dimensions;
        }
    }

    @Override
    public DType dtype() {
        return form.dtype;
    }

    /// The number of outputs of a matrix.
    public int outputs() {
        return shape.getFirst();
    }

    /// The number of inputs of a matrix.
    public int inputs() {
        return shape.getLast();
    }

    public long bytes() {
        long elements = switch (form) {
            case PANELS_BF16, PANELS_F32 -> Matrix.packedElements(outputs(), inputs());
            case ROWS_BF16, ROWS_F32 -> (long) outputs() * inputs();
            case VECTOR_F32 -> shape.getFirst();
        };
        return elements * form.dtype.bytes();
    }

    /// The number of pieces. A piece is a panel, as many rows, or a whole vector.
    public int pieces() {
        return form.dimensions == 1 ? 1 : Matrix.panelCount(outputs());
    }

    /// The bytes of every piece but the last, which may be shorter.
    long pieceBytes() {
        return form.dimensions == 1 ? bytes() : (long) Matrix.PANEL * inputs() * form.dtype.bytes();
    }

    /// The bytes of piece `piece`.
    long pieceBytes(int piece) {
        return Math.min(pieceBytes(), bytes() - piece * pieceBytes());
    }
}
