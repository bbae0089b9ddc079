package org.sparkqwen.engine.checkpoint;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// A tensor in the form in which the engine computes with it. It is made, and written, in pieces that need no more than
/// some megabytes.
///
/// @param shape `[outputs, inputs]` of a matrix, `[width]` of a vector
/// @param offset of its first byte in the data of a packed file; a multiple of [PackedLayout#ALIGNMENT]
public record PackedTensor(String name, Form form, List<Integer> shape, long offset) implements WeightFiles.Tensor {

    /// The arrangement of a tensor's numbers.
    public enum Arrangement {
        /// Panels of 32 outputs, as many as hold all outputs, zero past the last one: see [Matrix].
        PANELS(2),
        /// Rows, one for each output, for an embedding that no head shares.
        ROWS(2),
        /// A vector, such as a norm's weight.
        VECTOR(1);

        private final int dimensions;

        Arrangement(int dimensions) {
            this.dimensions = dimensions;
        }
    }

    /// The form of a tensor: the arrangement and the format of its numbers, which are little-endian. In files and
    /// messages it is a word, `PANELS_BF16`.
    ///
    /// @param format float32 for a vector
    /// @param kept whether integers and scales are those of a quantized checkpoint, so that nothing was rounded
    public record Form(Arrangement arrangement, WeightFormat format, boolean kept) {
        public static final Form VECTOR = new Form(Arrangement.VECTOR, KnownFormat.F32, false);

        /// The form with a name, if packed files may hold it.
        static Optional<Form> named(String name) {
            return Stream.concat(
                            Stream.of(VECTOR, kept(IntegerLayout.INT8), kept(IntegerLayout.INT4)),
                            Arrays.stream(KnownFormat.values())
                                    .flatMap(format -> Stream.of(panels(format), rows(format))))
                    .filter(form -> form.toString().equals(name))
                    .findFirst();
        }

        public static Form panels(WeightFormat format) {
            return new Form(Arrangement.PANELS, format, false);
        }

        public static Form rows(WeightFormat format) {
            return new Form(Arrangement.ROWS, format, false);
        }

        /// The form of panels that keep the integers and scales of a quantized checkpoint: `PANELS_INT4_KEPT`.
        public static Form kept(IntegerLayout layout) {
            return new Form(Arrangement.PANELS, layout.format(), true);
        }

        int dimensions() {
            return arrangement.dimensions;
        }

        @Override
        public String toString() {
            return arrangement + "_" + format.name() + (kept ? "_KEPT" : "");
        }
    }

    @Override
    public String numberFormat() {
        return form.format().name();
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
        return switch (form.arrangement()) {
            case PANELS -> Matrix.bytes(form.format(), outputs(), inputs());
            case ROWS -> Math.multiplyExact(outputs(), form.format().rowBytes(inputs()));
            case VECTOR -> form.format().rowBytes(inputs());
        };
    }

    /// The number of pieces. A piece is a panel, as many rows, or a whole vector.
    public int pieces() {
        return switch (form.arrangement()) {
            case PANELS, ROWS -> Matrix.panelCount(outputs());
            case VECTOR -> 1;
        };
    }

    /// The bytes of every piece but the last, which may be shorter.
    long pieceBytes() {
        return switch (form.arrangement()) {
            case PANELS -> form.format().panelBytes(inputs());
            case ROWS -> Matrix.PANEL * form.format().rowBytes(inputs());
            case VECTOR -> bytes();
        };
    }

    /// The bytes of piece `piece`.
    long pieceBytes(int piece) {
        return Math.min(pieceBytes(), bytes() - piece * pieceBytes());
    }
}
