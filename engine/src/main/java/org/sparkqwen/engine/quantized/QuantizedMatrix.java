package org.sparkqwen.engine.quantized;

import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A quantized weight, `[outputs, inputs]`. Its values are `(code - zero point) * scale`, where outputs and groups of
/// inputs have scales and zero points.
///
/// A value is computed in float32. That is exact where scales are F16 or BF16, because a difference of codes has at
/// most 9 bits and a scale at most 11. Where they are F32, the product is rounded once.
public final class QuantizedMatrix {
    private final String name;
    private final Codes codes;
    private final Groups groups;
    private final Grid scales;
    private final @Nullable Grid zeros;

    /// @param name the weight's name as if it was not quantized, `model.layers.0.mlp.up_proj.weight`
    /// @param zeros null if all zero points are zero
    QuantizedMatrix(String name, Codes codes, Groups groups, Grid scales, @Nullable Grid zeros) {
        this.name = name;
        this.codes = codes;
        this.groups = groups;
        this.scales = scales;
        this.zeros = zeros;
    }

    public String name() {
        return name;
    }

    public int outputs() {
        return codes.outputs();
    }

    public int inputs() {
        return codes.inputs();
    }

    /// Fills `rows`, each `[inputs]`, with the values of consecutive outputs. Reading some outputs together is
    /// faster than one by one.
    ///
    /// @param first the first output
    /// @throws InvalidModelException if a scale is no finite number, or an input is in no group
    public void read(int first, float[][] rows) {
        int[] groupOf = groups.ofInputs();
        readDifferences(first, groupOf, rows);
        float[] scale = new float[groups.count()];
        for (int row = 0; row < rows.length; row++) {
            for (int group = 0; group < scale.length; group++) {
                scale[group] = scale(first + row, group);
            }
            float[] values = rows[row];
            for (int input = 0; input < groupOf.length; input++) {
                values[input] *= scale[groupOf[input]];
            }
        }
    }

    /// Fills `rows` with the codes less the zero points.
    private void readDifferences(int first, int[] groupOf, float[][] rows) {
        codes.read(first, rows);
        if (zeros == null) {
            return;
        }
        float[] zero = new float[groups.count()];
        for (int row = 0; row < rows.length; row++) {
            for (int group = 0; group < zero.length; group++) {
                zero[group] = zeros.at(first + row, group);
            }
            float[] values = rows[row];
            for (int input = 0; input < groupOf.length; input++) {
                values[input] -= zero[groupOf[input]];
            }
        }
    }

    /// The integers and scales of consecutive outputs, for a layout that keeps them: see [#integers].
    ///
    /// @param first the first output
    /// @param count the number of outputs
    /// @throws InvalidModelException if an input is in no group
    public ScaledIntegers integers(int first, int count) {
        int[] groupOf = groups.ofInputs();
        float[][] rows = new float[count][inputs()];
        readDifferences(first, groupOf, rows);
        return new ScaledIntegers() {
            @Override
            public void read(int output, byte[] integers) {
                for (int input = 0; input < integers.length; input++) {
                    integers[input] = (byte) rows[output - first][input];
                }
            }

            @Override
            public float scale(int output, int input) {
                return QuantizedMatrix.this.scale(output, groupOf[input]);
            }
        };
    }

    /// The layout that can keep the integers and scales as they are, the one of fewer bits if both can; empty if
    /// none can. This reads the zero points, and scales up to the first one that does not fit, but no codes.
    ///
    /// @throws InvalidModelException if an input is in no group
    public Optional<IntegerLayout> integers() {
        return codes.integers().flatMap(span -> {
            Codes.Span integers = lessZeros(span);
            return Stream.of(IntegerLayout.INT4, IntegerLayout.INT8)
                    .filter(layout -> layout.holds(integers.least(), integers.greatest()))
                    .filter(layout -> groups.contain(layout.groupInputs()))
                    .filter(this::scalesFit)
                    .findFirst();
        });
    }

    /// A range in which the codes less the zero points are.
    private Codes.Span lessZeros(Codes.Span span) {
        if (zeros == null) {
            return span;
        }
        Codes.Span zero = zeros.span();
        return new Codes.Span(span.least() - zero.greatest(), span.greatest() - zero.least());
    }

    /// Whether a layout holds all scales. Each layout holds every finite float16, and whether a scale is finite is
    /// checked when it is read.
    private boolean scalesFit(IntegerLayout layout) {
        StoredTensor tensor = scales.tensor();
        if (tensor.type() == NumberType.F16) {
            return true;
        }
        for (long i = 0; i < tensor.elements(); i++) {
            if (!layout.holds(tensor.number(i))) {
                return false;
            }
        }
        return true;
    }

    private float scale(int output, int group) {
        float scale = scales.at(output, group);
        if (!Float.isFinite(scale)) {
            throw scales.tensor()
                    .fault("has the scale %s for output %,d and group %,d of inputs; download the file again"
                            .formatted(scale, output, group));
        }
        return scale;
    }

    /// Whether its scales make every value a bfloat16, whatever the codes are. This reads scales up to the first
    /// one that does not.
    public boolean isBfloat16() {
        Codes.Range range = codes.range(zeros != null);
        StoredTensor tensor = scales.tensor();
        for (long i = 0; i < tensor.elements(); i++) {
            if (!range.staysBfloat16(tensor.number(i))) {
                return false;
            }
        }
        return true;
    }
}
