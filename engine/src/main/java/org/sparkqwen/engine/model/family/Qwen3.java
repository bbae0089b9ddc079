package org.sparkqwen.engine.model.family;

import java.util.OptionalInt;
import org.sparkqwen.engine.model.LayerTensors;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.ModelSizes;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Qwen3, dense, as modeling_qwen3.py of transformers has it: queries and keys are normalized head by head,
/// and no projection has a bias.
public record Qwen3() implements Qwen {
    /// The width of a head that transformers assumes if the config has none, whatever the hidden size.
    private static final int HEAD_DIM = 128;

    @Override
    public String modelType() {
        return "qwen3";
    }

    @Override
    public String className() {
        return "Qwen3";
    }

    @Override
    public String title() {
        return "Qwen3";
    }

    @Override
    public ModelSizes sizes(ConfigJson json) {
        Qwen.refuseAttentionBias(json);
        Qwen.refuseSlidingWindow(json);
        return Qwen.denseSizes(json, OptionalInt.of(HEAD_DIM));
    }

    @Override
    public LayerTensors layer(ModelConfig config, int layer) {
        QwenLayer tensors = new QwenLayer(config, layer);
        return tensors.of(tensors.normed("q"), tensors.normed("k"), tensors.plain("v"), tensors.dense());
    }
}
