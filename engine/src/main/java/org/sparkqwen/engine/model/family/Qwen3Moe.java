package org.sparkqwen.engine.model.family;

import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.sparkqwen.engine.model.LayerTensors;
import org.sparkqwen.engine.model.MixtureShape;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.ModelSizes;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Qwen3 with experts in some or all layers, as modeling_qwen3_moe.py of transformers has it. Apart from the
/// experts, its layers are those of [Qwen3].
public record Qwen3Moe() implements Qwen {
    private static final Set<String> KEYS_OF_EXPERTS = Set.of(
            "decoder_sparse_step",
            "mlp_only_layers",
            "moe_intermediate_size",
            "norm_topk_prob",
            "num_experts",
            "num_experts_per_tok",
            "num_local_experts");

    @Override
    public String modelType() {
        return "qwen3_moe";
    }

    @Override
    public String className() {
        return "Qwen3Moe";
    }

    @Override
    public String title() {
        return "Qwen3 mixture of experts";
    }

    @Override
    public Set<String> keys() {
        Set<String> keys = new HashSet<>(KEYS);
        keys.addAll(KEYS_OF_EXPERTS);
        return keys;
    }

    /// Reads the sizes, with the defaults of transformers. A sliding window counts for all layers, whatever
    /// max_window_layers says.
    @Override
    public ModelSizes sizes(ConfigJson json) {
        Qwen.refuseAttentionBias(json);
        if (Qwen.hasSlidingWindow(json)) {
            throw Qwen.slidingWindow(json);
        }
        ModelSizes dense = Qwen.denseSizes(json, OptionalInt.empty());
        return dense.with(mixture(json, dense.layers()));
    }

    /// Reads the experts. Every `decoder_sparse_step`-th layer has some, except for `mlp_only_layers`.
    ///
    /// @return absent if no layer has experts
    private static Optional<MixtureShape> mixture(ConfigJson json, int layers) {
        String countKey = json.has("num_experts") ? "num_experts" : "num_local_experts"; // of transformers 4 and 5
        int experts = json.has(countKey) ? json.wholeNumber(countKey, 0, ModelSizes.MAX_EXPERTS) : 128;
        int step =
                json.has("decoder_sparse_step") ? json.positiveInt("decoder_sparse_step", ModelSizes.MAX_EXPERTS) : 1;
        Set<Integer> dense = Set.copyOf(json.wholeNumbers("mlp_only_layers"));
        Set<Integer> sparse = IntStream.range(0, experts == 0 ? 0 : layers)
                .filter(layer -> (layer + 1) % step == 0 && !dense.contains(layer))
                .boxed()
                .collect(Collectors.toSet());
        if (sparse.isEmpty()) {
            return Optional.empty();
        }
        int perToken =
                json.has("num_experts_per_tok") ? json.positiveInt("num_experts_per_tok", ModelSizes.MAX_EXPERTS) : 8;
        if (perToken > experts) {
            throw json.invalid(
                    "num_experts_per_tok %d is more than the %d of %s".formatted(perToken, experts, countKey));
        }
        int width = json.has("moe_intermediate_size")
                ? json.positiveInt("moe_intermediate_size", ModelSizes.MAX_WIDTH)
                : 768;
        return Optional.of(new MixtureShape(experts, perToken, width, json.flag("norm_topk_prob", false), sparse));
    }

    @Override
    public LayerTensors layer(ModelConfig config, int layer) {
        QwenLayer tensors = new QwenLayer(config, layer);
        LayerTensors.FeedForwardTensors feedForward = config.mixtureOf(layer)
                .<LayerTensors.FeedForwardTensors>map(shape -> mixture(tensors, shape))
                .orElseGet(tensors::dense);
        return tensors.of(tensors.normed("q"), tensors.normed("k"), tensors.plain("v"), feedForward);
    }

    private static LayerTensors.Mixture mixture(QwenLayer tensors, MixtureShape shape) {
        List<LayerTensors.Dense> experts = IntStream.range(0, shape.experts())
                .mapToObj(expert -> tensors.dense("mlp.experts." + expert + ".", shape.intermediateSize()))
                .toList();
        return new LayerTensors.Mixture(
                shape,
                tensors.matrix(
                        "mlp.gate.weight", shape.experts(), tensors.config().hiddenSize()),
                experts);
    }
}
