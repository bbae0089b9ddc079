package org.sparkqwen.engine.gguf;

import java.util.Arrays;
import java.util.stream.Collectors;

/// The architectures whose GGUF metadata and tensor names are understood, and the `model_type` that config.json has for
/// them.
enum Architecture {
    QWEN3("qwen3", "qwen3", "Qwen3ForCausalLM"),
    QWEN3_MOE("qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM"),
    QWEN2("qwen2", "qwen2", "Qwen2ForCausalLM");

    static final String KEY = "general.architecture";

    /// The name in GGUF files, with which the keys of the model begin.
    final String id;

    final String modelType;
    final String className;

    Architecture(String id, String modelType, String className) {
        this.id = id;
        this.modelType = modelType;
        this.className = className;
    }

    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if the file is of another architecture
    static Architecture of(GgufMetadata metadata) {
        String name = metadata.text(KEY);
        return Arrays.stream(values())
                .filter(architecture -> architecture.id.equals(name))
                .findFirst()
                .orElseThrow(() -> metadata.unsupported(
                        KEY,
                        Arrays.stream(values())
                                        .map(architecture -> architecture.id)
                                        .collect(Collectors.joining(", "))
                                + " are"));
    }
}
