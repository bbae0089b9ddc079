package org.sparkqwen.engine.model;

import java.util.Locale;
import java.util.function.Supplier;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The encoding of a model's matrices: as its files store them, or rounded to fewer bits when they are packed. Norms,
/// biases and routers of experts stay as they are in any encoding. Integers and scales of a quantized checkpoint are
/// not rounded where they fit the format.
public enum WeightEncoding {
    /// Every number keeps its value.
    STORED,

    /// All matrices have 8 bits.
    INT8,

    /// Matrices of layers have 4 bits. The head and the embedding have 8, because rounding them to 4 was measured
    /// to cost more than it saves.
    INT4;

    /// The place of a matrix in a model.
    enum Place {
        /// The vocabulary head, an embedding, or both.
        VOCABULARY,
        /// A matrix of a layer that activations are multiplied with.
        LAYER,
        /// The router of a mixture of experts, which is small and decides for a whole token.
        ROUTER
    }

    /// The encoding of a model that runs on `weights`.
    ///
    /// @param chosen the encoding that the user chose; [#STORED] takes packed weights as they are
    /// @throws InvalidModelException if the weights are packed in another encoding than the chosen one
    public static WeightEncoding of(WeightFiles weights, WeightEncoding chosen) {
        return switch (weights) {
            case Checkpoint _ -> chosen;
            case PackedFile packed -> {
                WeightEncoding encoding = of(packed.layout());
                if (chosen != STORED && chosen != encoding) {
                    throw new InvalidModelException("%s is packed with weights %s, so weights %s cannot be made of it;"
                                    .formatted(packed.path(), encoding, chosen)
                            + " take the model that it was packed from");
                }
                yield encoding;
            }
        };
    }

    /// The encoding in which a layout was made. An encoding that rounds has rounded the vocabulary, whatever the
    /// layers have kept.
    static WeightEncoding of(PackedLayout layout) {
        boolean rounded = false;
        boolean fourBits = false;
        for (PackedTensor tensor : layout.tensors()) {
            rounded |= hasIntegers(tensor) && !tensor.form().kept();
            fourBits |= tensor.form().format() == KnownFormat.INT4;
        }
        if (!rounded) {
            return STORED;
        }
        return fourBits ? INT4 : INT8;
    }

    private static boolean hasIntegers(PackedTensor tensor) {
        WeightFormat format = tensor.form().format();
        return format == KnownFormat.INT8 || format == KnownFormat.INT4;
    }

    /// Whether some weights are integers, which the precision int8 needs.
    public static boolean hasIntegers(PackedLayout layout) {
        return layout.tensors().stream().anyMatch(WeightEncoding::hasIntegers);
    }

    /// Whether a matrix of a layer keeps the integers and scales that it has, because they fit the format that it
    /// gets.
    ///
    /// @param integers the layout that they fit
    boolean keeps(IntegerLayout integers) {
        return switch (this) {
            case STORED -> true;
            case INT8 -> integers == IntegerLayout.INT8;
            case INT4 -> integers == IntegerLayout.INT4;
        };
    }

    /// The format of a matrix.
    ///
    /// @param stored the format that keeps its numbers
    WeightFormat format(Place place, WeightFormat stored) {
        return switch (place) {
            case ROUTER -> stored;
            case VOCABULARY ->
                switch (this) {
                    case STORED -> stored;
                    case INT8, INT4 -> KnownFormat.INT8;
                };
            case LAYER ->
                switch (this) {
                    case STORED -> stored;
                    case INT8 -> KnownFormat.INT8;
                    case INT4 -> KnownFormat.INT4;
                };
        };
    }

    /// Refuses a precision that needs integers, if the weights have none.
    ///
    /// @param layout the layout of the packed weights, which is asked for only if it matters
    /// @throws InvalidModelException with what to do
    public static void refuse(Precision precision, Supplier<PackedLayout> layout) {
        if (precision == Precision.INT8 && !hasIntegers(layout.get())) {
            throw new InvalidModelException(
                    "the precision int8 multiplies integers, and no weights are integers; choose"
                            + " weights int8 or int4, or another precision");
        }
    }

    /// What follows the name of a model whose rows have this encoding: `+int8`, or nothing.
    public String suffix() {
        return this == STORED ? "" : "+" + this;
    }

    /// The name as users write it, in lower case.
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
