package org.sparkqwen.engine.quantized;

import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A scheme of quantization with its settings: how the tensors of a weight are called, and how its values follow from
/// them.
sealed interface Scheme permits Awq, CompressedTensors, Fp8, Gptq {
    /// The scheme with all settings that decide values, in words that depend on no locale: `GPTQ, 4 bits, groups of
    /// 128 inputs`.
    String title();

    /// The number types of a checkpoint's tensors.
    Set<NumberType> types();

    /// The endings of the names of tensors that belong to quantized weights and to nothing else.
    Set<String> endings();

    /// The endings of the names of tensors that say how activations and the KV cache are quantized, which nobody
    /// reads here.
    default Set<String> unread() {
        return Set.of();
    }

    /// The end of the name after the layer's, if a tensor has the codes of a quantized weight.
    Optional<String> endingOfCodes(StoredTensor tensor);

    /// Puts a weight together.
    ///
    /// @throws InvalidModelException naming the tensor that is missing, or that does not fit the others
    QuantizedMatrix matrix(Parts parts);
}
