package org.sparkqwen.engine.model;

import org.sparkqwen.engine.checkpoint.InvalidModelException;

/// Which of transformers' architectures a model has, by its `model_type`.
public enum ModelFamily {
    /// Norms on queries and keys, dense.
    QWEN3("qwen3", "Qwen3"),
    /// The same with experts in some or all layers.
    QWEN3_MOE("qwen3_moe", "Qwen3 mixture of experts"),
    /// Qwen2 and Qwen2.5: biases on queries, keys and values instead of norms, dense.
    QWEN2("qwen2", "Qwen2");

    /// The heads' width that transformers gives Qwen3 where the config has none, whatever the hidden size.
    private static final int QWEN3_HEAD_DIM = 128;

    private final String modelType;
    private final String title;

    ModelFamily(String modelType, String title) {
        this.modelType = modelType;
        this.title = title;
    }

    /// @throws InvalidModelException if `model_type` is of another family
    static ModelFamily read(ConfigJson json) {
        String modelType = json.text("model_type");
        for (ModelFamily family : values()) {
            if (family.modelType.equals(modelType)) {
                return family;
            }
        }
        throw json.unsupported("model_type", "qwen3, qwen3_moe and qwen2 are");
    }

    /// For a person.
    public String title() {
        return title;
    }

    /// Whether queries and keys are normed, head by head, and have no bias; else queries, keys and values have one.
    boolean normsQueriesAndKeys() {
        return this != QWEN2;
    }

    /// The width of a head where the config has none.
    int headDim(int hiddenSize, int heads) {
        return this == QWEN3 ? QWEN3_HEAD_DIM : Math.max(1, hiddenSize / heads);
    }
}
