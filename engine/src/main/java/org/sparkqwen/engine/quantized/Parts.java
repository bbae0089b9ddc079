package org.sparkqwen.engine.quantized;

import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The tensors of one quantized weight: its codes, and those beside them with other endings of the name. It remembers
/// which of them were read.
final class Parts {
    private final StoredTensor codes;
    private final String layer;
    private final Map<String, StoredTensor> tensors;
    private final Set<String> read = new HashSet<>();

    /// @param codes the tensor of the codes
    /// @param ending the end of its name after the layer's, `.qweight`
    /// @param tensors all tensors of the checkpoint
    Parts(StoredTensor codes, String ending, Map<String, StoredTensor> tensors) {
        this.codes = codes;
        this.layer = codes.name().substring(0, codes.name().length() - ending.length());
        this.tensors = tensors;
        read.add(codes.name());
    }

    StoredTensor codes() {
        return codes;
    }

    /// The weight's name as if it was not quantized.
    String weight() {
        return layer + ".weight";
    }

    /// Returns the tensor of this layer with an ending.
    ///
    /// @throws InvalidModelException if it is missing
    StoredTensor required(String ending) {
        return optional(ending)
                .orElseThrow(
                        () -> codes.fault("needs %s, which is missing; download the model again, with its config.json"
                                .formatted(Quote.of(layer + ending))));
    }

    /// Returns the tensor of this layer with an ending, if there is one.
    Optional<StoredTensor> optional(String ending) {
        @Nullable StoredTensor tensor = tensors.get(layer + ending);
        if (tensor != null) {
            read.add(tensor.name());
        }
        return Optional.ofNullable(tensor);
    }

    /// The names of the tensors that were read.
    Set<String> read() {
        return read;
    }
}
