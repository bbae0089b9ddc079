package org.sparkqwen.engine.model;

import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The architecture of a model among those of transformers, by its `model_type`.
public enum ModelFamily {
    /// Qwen3, dense: norms on queries and keys.
    QWEN3("qwen3", "Qwen3", "Qwen3"),
    /// Qwen3 with experts in some or all layers: norms on queries and keys.
    QWEN3_MOE("qwen3_moe", "Qwen3Moe", "Qwen3 mixture of experts"),
    /// Qwen2 and Qwen2.5, dense: biases on queries, keys and values instead of norms.
    QWEN2("qwen2", "Qwen2", "Qwen2");

    /// The width of a head that transformers gives Qwen3 if the config has none, whatever the hidden size.
    private static final int QWEN3_HEAD_DIM = 128;

    /// Name parts of classes that replace the language model's head with something else.
    private static final List<String> OTHER_HEADS = List.of(
            "ForSequenceClassification",
            "ForTokenClassification",
            "ForQuestionAnswering",
            "ForMultipleChoice",
            "RewardModel");

    private final String modelType;
    private final String className;
    private final String title;

    ModelFamily(String modelType, String className, String title) {
        this.modelType = modelType;
        this.className = className;
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

    /// Checks the model's class, which decides what stands on top of it. Without a head of its own it is still a
    /// language model.
    ///
    /// @throws InvalidModelException if it is a classifier or the like
    void checkArchitectures(ConfigJson json, List<String> warnings) {
        for (String name : json.texts("architectures")) {
            if (OTHER_HEADS.stream().anyMatch(name::endsWith)) {
                throw json.unsupported("architectures", "a language model is: %sForCausalLM".formatted(className));
            }
            if (Arrays.stream(values()).noneMatch(family -> family.isClass(name))) {
                warnings.add("config.json: architectures names %s; the model is computed as %sForCausalLM"
                        .formatted(Quote.of(name), className));
            }
        }
    }

    private boolean isClass(String name) {
        return name.equals(className + "ForCausalLM") || name.equals(className + "Model");
    }

    /// The family's name in messages to people.
    public String title() {
        return title;
    }

    /// Whether queries and keys are normalized head by head and have no bias. If not, queries, keys and values have
    /// a bias.
    boolean normsQueriesAndKeys() {
        return this != QWEN2;
    }

    /// The width of a head if the config has none.
    int headDim(int hiddenSize, int heads) {
        return this == QWEN3 ? QWEN3_HEAD_DIM : Math.max(1, hiddenSize / heads);
    }
}
