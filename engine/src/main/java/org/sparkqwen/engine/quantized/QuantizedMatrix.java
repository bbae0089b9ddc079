package org.sparkqwen.engine.quantized;

import org.jspecify.annotations.Nullable;
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
        codes.read(first, rows);
        int[] groupOf = groups.ofInputs();
        float[] scale = new float[groups.count()];
        float[] zero = new float[groups.count()];
        for (int row = 0; row < rows.length; row++) {
            for (int group = 0; group < scale.length; group++) {
                scale[group] = scale(first + row, group);
                zero[group] = zeros == null ? 0 : zeros.at(first + row, group);
            }
            float[] values = rows[row];
            for (int input = 0; input < groupOf.length; input++) {
                values[input] = (values[input] - zero[groupOf[input]]) * scale[groupOf[input]];
            }
        }
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
