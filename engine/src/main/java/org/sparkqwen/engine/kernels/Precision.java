package org.sparkqwen.engine.kernels;

import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// The precision in which linear layers, experts and the head multiply: a name that stands for exact bits, whatever
/// back-end computes them.
///
/// Everything else is float32 in each of them: norms, rotary embedding, attention, routing, softmax and the sums of the
/// residual stream. Weights are what the model file has; a precision says what becomes of the activations, and in which
/// order products are added.
public enum Precision {
    /// Activations and sums in float32, which is what transformers computes in float32.
    FLOAT32("float32"),

    /// Activations as sums of two bfloat16 numbers, which keep 16 of 24 bits. Weights in bfloat16 are exact. Layers
    /// with other weights are computed in float32.
    FLOAT32X2("float32x2"),

    /// Activations and weights rounded to bfloat16, and sums in float32 as the instruction VDPBF16PS takes them.
    BFLOAT16("bfloat16"),

    /// Activations and weights rounded to bfloat16, and sums in float32 as the AMX instruction TDPBF16PS takes
    /// them, which is another order than [#BFLOAT16].
    BFLOAT16_AMX("bfloat16-amx"),

    /// Activations rounded to 8 bits, with one scale for each 128 inputs, where weights are integers. The products
    /// of integers are added exactly. Layers with other weights are computed in float32.
    INT8("int8");

    private final String label;

    Precision(String label) {
        this.label = label;
    }

    /// The precision of a name, as users write it.
    ///
    /// @throws IllegalArgumentException if there is none, with the names that there are
    public static Precision of(String name) {
        return Arrays.stream(values())
                .filter(precision -> precision.label.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "there is no precision '%s'; there are %s".formatted(name, String.join(", ", names()))));
    }

    /// The names that a user may choose.
    public static List<String> names() {
        return Arrays.stream(values()).map(precision -> precision.label).toList();
    }

    /// The arithmetic of a product with weights of a format.
    public Arithmetic arithmetic(WeightFormat format) {
        return switch (this) {
            case FLOAT32 -> Arithmetic.FLOATS;
            case FLOAT32X2 -> format == KnownFormat.BF16 ? Arithmetic.SPLIT_BLOCKS : Arithmetic.FLOATS;
            case BFLOAT16 -> Arithmetic.PAIRS;
            case BFLOAT16_AMX -> Arithmetic.BLOCKS;
            case INT8 ->
                format == KnownFormat.INT8 || format == KnownFormat.INT4 ? Arithmetic.INTEGERS : Arithmetic.FLOATS;
        };
    }

    /// The name, in the form that a user writes.
    @Override
    public String toString() {
        return label;
    }
}
