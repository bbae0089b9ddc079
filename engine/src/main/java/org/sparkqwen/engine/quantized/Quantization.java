package org.sparkqwen.engine.quantized;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The quantization of a model's safetensors, as `quantization_config` of config.json describes it.
public final class Quantization {
    private static final String KEY = "quantization_config";
    private static final String METHOD = "quant_method";

    private final Scheme scheme;

    private Quantization(Scheme scheme) {
        this.scheme = scheme;
    }

    /// Reads the description; empty if the weights are not quantized.
    ///
    /// @param config the whole of config.json
    /// @param warnings gets a line for each remark
    /// @throws InvalidModelException naming the scheme or the setting that is not supported
    public static Optional<Quantization> of(ConfigJson config, List<String> warnings) {
        if (!config.has(KEY)) {
            return Optional.empty();
        }
        ConfigJson settings = config.object(KEY);
        return Optional.of(new Quantization(
                switch (settings.text(METHOD)) {
                    case "gptq" -> Gptq.read(settings, warnings);
                    case "awq" -> Awq.read(settings, warnings);
                    case "compressed-tensors" -> CompressedTensors.read(settings, warnings);
                    case "fp8" -> Fp8.read(settings, warnings);
                    default ->
                        throw settings.unsupported(
                                METHOD,
                                "gptq, awq, compressed-tensors and fp8 are; take such a checkpoint, one in BF16, F16"
                                        + " or F32, or a GGUF file");
                }));
    }

    /// The scheme with all settings that decide values, for people: `GPTQ, 4 bits, groups of 128 inputs`.
    public String title() {
        return scheme.title();
    }

    /// The number types that the checkpoint's tensors may have.
    public Set<NumberType> types() {
        return scheme.types();
    }

    /// The weights of a checkpoint.
    ///
    /// @param plain those that are not quantized, in BF16, F16 or F32
    public record Weights(List<StoredTensor> plain, List<QuantizedMatrix> quantized) {}

    /// Puts quantized weights together from the tensors of a checkpoint. The tensors tell which layers are
    /// quantized, whatever lists of layers config.json has.
    ///
    /// @throws InvalidModelException naming a tensor that is missing, misshapen, or part of nothing
    public Weights weights(Collection<StoredTensor> tensors) {
        Map<String, StoredTensor> named = new LinkedHashMap<>();
        tensors.forEach(tensor -> named.put(tensor.name(), tensor));
        List<QuantizedMatrix> quantized = new ArrayList<>();
        Set<String> read = new HashSet<>();
        for (StoredTensor tensor : tensors) {
            scheme.endingOfCodes(tensor).ifPresent(ending -> {
                Parts parts = new Parts(tensor, ending, named);
                if (!parts.weight().equals(tensor.name()) && named.containsKey(parts.weight())) {
                    throw tensor.fault("is the same weight as %s; download the model again, into an empty directory"
                            .formatted(Quote.of(parts.weight())));
                }
                quantized.add(scheme.matrix(parts));
                read.addAll(parts.read());
            });
        }
        List<StoredTensor> plain = new ArrayList<>();
        for (StoredTensor tensor : tensors) {
            if (!read.contains(tensor.name()) && scheme.unread().stream().noneMatch(tensor.name()::endsWith)) {
                plain.add(requirePlain(tensor));
            }
        }
        return new Weights(plain, quantized);
    }

    private StoredTensor requirePlain(StoredTensor tensor) {
        if (scheme.endings().stream().anyMatch(tensor.name()::endsWith)) {
            throw tensor.fault("belongs to no quantized weight; download the model again");
        }
        if (!NumberType.PLAIN.contains(tensor.type())) {
            throw tensor.fault("has dtype %s, which only quantized weights have".formatted(tensor.type()));
        }
        return tensor;
    }
}
