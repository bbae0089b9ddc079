package org.sparkqwen.engine.model;

import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The model families of this JVM, as `META-INF/services` lists them, and the choice of one by a config.json.
final class ModelFamilies {
    private static final List<ModelFamily> ALL =
            ServiceLoader.load(ModelFamily.class, ModelFamily.class.getClassLoader()).stream()
                    .map(ServiceLoader.Provider::get)
                    .toList();

    /// Name parts of classes that replace the language model's head with something else.
    private static final List<String> OTHER_HEADS = List.of(
            "ForSequenceClassification",
            "ForTokenClassification",
            "ForQuestionAnswering",
            "ForMultipleChoice",
            "RewardModel");

    private ModelFamilies() {}

    /// Returns the family of `model_type`, after a look at the model's class, which decides what stands on top of
    /// the model. Without a head of its own it is still a language model.
    ///
    /// @param warnings gets a line for each class that is not the family's
    /// @throws InvalidModelException if no family has the type, or the model is a classifier or the like
    static ModelFamily of(ConfigJson json, List<String> warnings) {
        String modelType = json.text("model_type");
        ModelFamily family = ALL.stream()
                .filter(each -> each.modelType().equals(modelType))
                .findFirst()
                .orElseThrow(() -> json.unsupported("model_type", known()));
        for (String name : json.texts("architectures")) {
            if (OTHER_HEADS.stream().anyMatch(name::endsWith)) {
                throw json.unsupported(
                        "architectures", "a language model is: %sForCausalLM".formatted(family.className()));
            }
            if (ALL.stream().noneMatch(each -> isClass(each, name))) {
                warnings.add("config.json: architectures names %s; the model is computed as %sForCausalLM"
                        .formatted(Quote.of(name), family.className()));
            }
        }
        return family;
    }

    /// Lists the known types: `qwen3, qwen3_moe and qwen2 are`.
    private static String known() {
        List<String> types = ALL.stream().map(ModelFamily::modelType).toList();
        String first = types.stream().limit(types.size() - 1L).collect(Collectors.joining(", "));
        return first.isEmpty() ? types.getLast() + " is" : "%s and %s are".formatted(first, types.getLast());
    }

    private static boolean isClass(ModelFamily family, String name) {
        return name.equals(family.className() + "ForCausalLM") || name.equals(family.className() + "Model");
    }
}
