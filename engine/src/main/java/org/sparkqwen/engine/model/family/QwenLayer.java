package org.sparkqwen.engine.model.family;

import java.util.Optional;
import org.sparkqwen.engine.model.LayerTensors;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.PlannedTensor;

/// The tensors of a layer, as all families of Qwen name them: `model.layers.0.self_attn.q_proj.weight`. A
/// family puts together those that it has.
record QwenLayer(ModelConfig config, int layer) {

    /// Puts a layer together.
    LayerTensors of(
            LayerTensors.Input query,
            LayerTensors.Input key,
            LayerTensors.Input value,
            LayerTensors.FeedForwardTensors feedForward) {
        int hidden = config.hiddenSize();
        return new LayerTensors(
                vector("input_layernorm.weight", hidden),
                query,
                key,
                value,
                matrix("self_attn.o_proj.weight", hidden, config.attention().queryWidth()),
                vector("post_attention_layernorm.weight", hidden),
                feedForward);
    }

    /// A projection without a bias, whose heads are normalized.
    ///
    /// @param part `q` or `k`
    LayerTensors.Input normed(String part) {
        PlannedTensor norm =
                vector("self_attn." + part + "_norm.weight", config.attention().headDim());
        return new LayerTensors.Input(projection(part), Optional.empty(), Optional.of(norm));
    }

    /// A projection with a bias, whose heads are not normalized.
    ///
    /// @param part `q`, `k` or `v`
    LayerTensors.Input biased(String part) {
        PlannedTensor bias = vector("self_attn." + part + "_proj.bias", outputs(part));
        return new LayerTensors.Input(projection(part), Optional.of(bias), Optional.empty());
    }

    /// A projection with neither bias nor norm.
    LayerTensors.Input plain(String part) {
        return new LayerTensors.Input(projection(part), Optional.empty(), Optional.empty());
    }

    private PlannedTensor projection(String part) {
        return matrix("self_attn." + part + "_proj.weight", outputs(part), config.hiddenSize());
    }

    private int outputs(String part) {
        return part.equals("q")
                ? config.attention().queryWidth()
                : config.attention().keyValueWidth();
    }

    /// A dense feed-forward.
    LayerTensors.Dense dense() {
        return dense("mlp.", config.intermediateSize());
    }

    /// A dense feed-forward, or an expert.
    ///
    /// @param part the start of the names, after that of the layer
    LayerTensors.Dense dense(String part, int intermediate) {
        int hidden = config.hiddenSize();
        return new LayerTensors.Dense(
                matrix(part + "gate_proj.weight", intermediate, hidden),
                matrix(part + "up_proj.weight", intermediate, hidden),
                matrix(part + "down_proj.weight", hidden, intermediate));
    }

    PlannedTensor matrix(String part, int outputs, int inputs) {
        return PlannedTensor.matrix(name(part), outputs, inputs);
    }

    private PlannedTensor vector(String part, int width) {
        return PlannedTensor.vector(name(part), width);
    }

    private String name(String part) {
        return "model.layers." + layer + "." + part;
    }
}
