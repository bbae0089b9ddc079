package org.sparkqwen.engine.model.family;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.sparkqwen.engine.checkpoint.TensorNames;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.ModelFamily;
import org.sparkqwen.engine.model.ModelSizes;
import org.sparkqwen.engine.model.PlannedTensor;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// What the families of Qwen have in common: keys of config.json, and names of tensors outside their layers.
interface Qwen extends ModelFamily {
    /// The keys that all of these families know.
    Set<String> KEYS = Set.of(
            "attention_bias",
            "head_dim",
            "hidden_size",
            "intermediate_size",
            "max_window_layers",
            "num_attention_heads",
            "num_hidden_layers",
            "num_key_value_heads",
            "sliding_window",
            "use_sliding_window");

    @Override
    default Set<String> keys() {
        return KEYS;
    }

    @Override
    default TensorNames names() {
        return new TensorNames("model.", List.of("embed_tokens.", "layers.", "norm."));
    }

    @Override
    default PlannedTensor embedding(ModelConfig config) {
        return PlannedTensor.matrix("model.embed_tokens.weight", config.vocabSize(), config.hiddenSize());
    }

    @Override
    default PlannedTensor finalNorm(ModelConfig config) {
        return PlannedTensor.vector("model.norm.weight", config.hiddenSize());
    }

    @Override
    default PlannedTensor head(ModelConfig config) {
        return PlannedTensor.matrix("lm_head.weight", config.vocabSize(), config.hiddenSize());
    }

    /// Reads the sizes of a model without experts.
    ///
    /// @param headDim the width of a head if the config has none; empty if the heads then share the hidden size
    static ModelSizes denseSizes(ConfigJson json, OptionalInt headDim) {
        int layers = json.positiveInt("num_hidden_layers", ModelSizes.MAX_LAYERS);
        int hidden = json.positiveInt("hidden_size", ModelSizes.MAX_WIDTH);
        int heads = json.positiveInt("num_attention_heads", ModelSizes.MAX_HEADS);
        int keyValueHeads =
                json.has("num_key_value_heads") ? json.positiveInt("num_key_value_heads", ModelSizes.MAX_HEADS) : heads;
        if (heads % keyValueHeads != 0) {
            throw json.invalid("num_attention_heads %d is not a multiple of num_key_value_heads %d"
                    .formatted(heads, keyValueHeads));
        }
        return new ModelSizes(
                layers,
                hidden,
                json.positiveInt("intermediate_size", ModelSizes.MAX_WIDTH),
                new AttentionShape(heads, keyValueHeads, headDim(json, headDim.orElse(Math.max(1, hidden / heads)))),
                Optional.empty());
    }

    private static int headDim(ConfigJson json, int absent) {
        int headDim = json.has("head_dim") ? json.positiveInt("head_dim", ModelSizes.MAX_WIDTH) : absent;
        if (headDim % 2 != 0) {
            throw json.has("head_dim")
                    ? json.wrong("head_dim", "even, for rotary embedding turns pairs")
                    : json.wrong("hidden_size", "an even number for each head, for rotary embedding turns pairs");
        }
        return headDim;
    }

    /// Refuses biases of the attention's projections, which Qwen3 can have and no published model has.
    static void refuseAttentionBias(ConfigJson json) {
        if (json.flag("attention_bias", false)) {
            throw json.unsupported("attention_bias", "Qwen3 has none");
        }
    }

    /// Refuses sliding-window attention of a dense model, whose layers have a window from layer
    /// max_window_layers on.
    static void refuseSlidingWindow(ConfigJson json) {
        if (!hasSlidingWindow(json)) {
            return;
        }
        int layers = json.positiveInt("num_hidden_layers", ModelSizes.MAX_LAYERS);
        int firstLayer =
                json.has("max_window_layers") ? json.wholeNumber("max_window_layers", 0, ModelSizes.MAX_LAYERS) : 28;
        if (firstLayer < layers) {
            throw slidingWindow(json);
        }
    }

    /// Whether layers may have a sliding window: one is in use unless its size is null.
    static boolean hasSlidingWindow(ConfigJson json) {
        boolean sized = json.has("sliding_window") || !json.node().has("sliding_window");
        return json.flag("use_sliding_window", false) && sized;
    }

    static InvalidModelException slidingWindow(ConfigJson json) {
        return json.unsupported("use_sliding_window", "every layer attends to the whole context");
    }
}
