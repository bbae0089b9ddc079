package org.sparkqwen.engine.model.family;

import java.util.OptionalInt;
import org.sparkqwen.engine.model.LayerTensors;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.ModelSizes;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Qwen2 and Qwen2.5, dense, as modeling_qwen2.py of transformers has them: queries, keys and values have
/// biases, and queries and keys are not normalized.
public record Qwen2() implements Qwen {
    @Override
    public String modelType() {
        return "qwen2";
    }

    @Override
    public String className() {
        return "Qwen2";
    }

    @Override
    public String title() {
        return "Qwen2";
    }

    /// Reads the sizes. The key `attention_bias` says nothing here, because queries, keys and values always have
    /// biases.
    @Override
    public ModelSizes sizes(ConfigJson json) {
        Qwen.refuseSlidingWindow(json);
        return Qwen.denseSizes(json, OptionalInt.empty());
    }

    @Override
    public LayerTensors layer(ModelConfig config, int layer) {
        QwenLayer tensors = new QwenLayer(config, layer);
        return tensors.of(tensors.biased("q"), tensors.biased("k"), tensors.biased("v"), tensors.dense());
    }
}
