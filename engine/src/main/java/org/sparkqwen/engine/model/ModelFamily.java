package org.sparkqwen.engine.model;

import java.util.Set;
import org.sparkqwen.engine.checkpoint.TensorNames;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Describes one model family: how its models' config.json is read, which tensors their layers have, and what
/// those are called.
///
/// A family is one class in `engine.model.family` and one line in `META-INF/services`, where [ModelFamilies]
/// finds it. Nothing else tells families apart: whatever differs between them is asked here. Two instances of
/// a family are equal.
public interface ModelFamily {
    /// The `model_type` of config.json that this family answers to.
    String modelType();

    /// The start of the names of the family's classes in transformers: `Qwen3` of `Qwen3ForCausalLM`.
    String className();

    /// The family's name in messages to people.
    String title();

    /// The keys of config.json that this family knows, besides those that [ConfigKeys] has for all families:
    /// it obeys them, refuses what it does not compute, or knows that they change nothing. Any other key
    /// gives a warning.
    Set<String> keys();

    /// Reads the sizes of a model, and refuses settings that change what this family computes.
    ///
    /// @throws InvalidModelException if a key has a value that makes no sense or is not supported
    ModelSizes sizes(ConfigJson json);

    /// The prefix of tensor names that a checkpoint may leave out.
    TensorNames names();

    /// The embedding, `[vocabulary, hidden]`.
    PlannedTensor embedding(ModelConfig config);

    /// The tensors of a layer.
    ///
    /// @param layer from 0 on
    LayerTensors layer(ModelConfig config, int layer);

    /// The norm after the last layer, `[hidden]`.
    PlannedTensor finalNorm(ModelConfig config);

    /// The vocabulary head, `[vocabulary, hidden]`. A model with tied embeddings need not have it.
    PlannedTensor head(ModelConfig config);
}
