package org.sparkqwen.engine.quantized;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The groups of a weight's inputs, which share a scale and a zero point. A group is a run of consecutive inputs, or
/// a tensor names the group of each input.
///
/// @param count the number of groups
/// @param size the inputs of a group; the last group may have fewer
/// @param index I32 `[inputs]`: the group of each input; null for runs
record Groups(int inputs, int count, int size, @Nullable StoredTensor index) {
    static Groups runs(int inputs, int size) {
        return new Groups(inputs, Math.ceilDiv(inputs, size), size, null);
    }

    /// One group of all inputs.
    static Groups one(Codes codes) {
        return runs(codes.inputs(), codes.inputs());
    }

    /// Returns as many groups, whose inputs are those that a tensor names, if there is a tensor.
    ///
    /// @throws InvalidModelException if `index` has another form
    Groups named(Optional<StoredTensor> index) {
        index.ifPresent(tensor ->
                tensor.requireType(Set.of(NumberType.I32)).requireShape("%,d inputs".formatted(inputs), inputs));
        return new Groups(inputs, count, size, index.orElse(null));
    }

    /// Whether the inputs of each run of `length`, from the first input on, are in one group.
    ///
    /// @throws InvalidModelException if the tensor names a group that does not exist
    boolean contain(int length) {
        if (index == null) {
            return count == 1 || size % length == 0;
        }
        int[] groups = ofInputs();
        return IntStream.range(0, inputs).allMatch(input -> groups[input] == groups[input - input % length]);
    }

    /// The group of each input. A tensor of which all numbers are -1 was never filled, and means runs.
    ///
    /// @throws InvalidModelException if the tensor names a group that does not exist
    int[] ofInputs() {
        int[] groups = new int[inputs];
        Arrays.setAll(groups, input -> index == null ? input / size : index.word(input));
        if (index == null) {
            return groups;
        }
        if (Arrays.stream(groups).allMatch(group -> group == -1)) {
            return runs(inputs, size).ofInputs();
        }
        for (int input = 0; input < inputs; input++) {
            if (groups[input] < 0 || groups[input] >= count) {
                throw index.fault(
                        "puts input %,d into group %,d; there are %,d groups".formatted(input, groups[input], count));
            }
        }
        return groups;
    }
}
