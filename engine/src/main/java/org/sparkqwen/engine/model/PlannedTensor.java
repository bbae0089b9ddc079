package org.sparkqwen.engine.model;

import java.util.List;

/// A tensor that a model needs, by its name in a checkpoint.
///
/// @param name the name, with the prefix that a checkpoint may leave out: `model.layers.0.mlp.up_proj.weight`
/// @param shape `[outputs, inputs]` of a matrix, `[width]` of a vector
public record PlannedTensor(String name, List<Integer> shape) {

    /// Describes a matrix, which multiplies rows of `inputs` numbers.
    public static PlannedTensor matrix(String name, int outputs, int inputs) {
        return new PlannedTensor(name, List.of(outputs, inputs));
    }

    /// Describes a vector, such as a norm or a bias.
    public static PlannedTensor vector(String name, int width) {
        return new PlannedTensor(name, List.of(width));
    }

    boolean isVector() {
        return shape.size() == 1;
    }

    /// The number of elements.
    long elements() {
        return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }
}
