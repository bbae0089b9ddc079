package org.sparkqwen.engine.model;

import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The sizes of the experts that replace dense feed-forward layers.
///
/// @param experts number of experts of a layer
/// @param perToken number of experts that work on a token
/// @param intermediateSize width of an expert
/// @param normalised whether the chosen experts' weights are divided by their sum
/// @param layers indices of the layers that have experts; at least one
public record MixtureShape(int experts, int perToken, int intermediateSize, boolean normalised, Set<Integer> layers) {
    private static final int MAX_EXPERTS = 1 << 12;

    public MixtureShape {
        layers = Collections.unmodifiableSet(new TreeSet<>(layers));
    }

    /// Reads the keys of `qwen3_moe`, with the defaults of transformers. Every `decoder_sparse_step`-th layer has
    /// experts, except for `mlp_only_layers`.
    ///
    /// @return absent if no layer has experts
    static Optional<MixtureShape> read(ConfigJson json, int layers) {
        String countKey = json.has("num_experts") ? "num_experts" : "num_local_experts"; // of transformers 4 and 5
        int experts = json.has(countKey) ? json.wholeNumber(countKey, 0, MAX_EXPERTS) : 128;
        int step = json.has("decoder_sparse_step") ? json.positiveInt("decoder_sparse_step", MAX_EXPERTS) : 1;
        Set<Integer> dense = Set.copyOf(json.wholeNumbers("mlp_only_layers"));
        Set<Integer> sparse = IntStream.range(0, experts == 0 ? 0 : layers)
                .filter(layer -> (layer + 1) % step == 0 && !dense.contains(layer))
                .boxed()
                .collect(Collectors.toSet());
        if (sparse.isEmpty()) {
            return Optional.empty();
        }
        int perToken = json.has("num_experts_per_tok") ? json.positiveInt("num_experts_per_tok", MAX_EXPERTS) : 8;
        if (perToken > experts) {
            throw new InvalidModelException("%s: num_experts_per_tok %d is more than the %d of %s"
                    .formatted(json.origin(), perToken, experts, countKey));
        }
        return Optional.of(new MixtureShape(
                experts,
                perToken,
                json.has("moe_intermediate_size")
                        ? json.positiveInt("moe_intermediate_size", ModelConfig.MAX_WIDTH)
                        : 768,
                json.flag("norm_topk_prob", false),
                sparse));
    }

    boolean has(int layer) {
        return layers.contains(layer);
    }
}
