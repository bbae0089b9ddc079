package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.sparkqwen.engine.checkpoint.TensorNames;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.model.LayerTensors;
import org.sparkqwen.engine.model.MixtureShape;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.ModelFamily;
import org.sparkqwen.engine.model.ModelSizes;
import org.sparkqwen.engine.model.PlannedTensor;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// A family of tests alone, which computes what Qwen3 does, but has its sizes under other keys and its
/// tensors under other names. [#rename] makes a model of it.
public record RenamedFamily() implements ModelFamily {
    @Override
    public String modelType() {
        return "renamed";
    }

    @Override
    public String className() {
        return "Renamed";
    }

    @Override
    public String title() {
        return "Renamed";
    }

    @Override
    public Set<String> keys() {
        return Set.of("depth", "width", "inner_width", "attention", "experts");
    }

    @Override
    public ModelSizes sizes(ConfigJson json) {
        ConfigJson attention = json.object("attention");
        return new ModelSizes(
                json.positiveInt("depth", ModelSizes.MAX_LAYERS),
                json.positiveInt("width", ModelSizes.MAX_WIDTH),
                json.positiveInt("inner_width", ModelSizes.MAX_WIDTH),
                new AttentionShape(
                        attention.positiveInt("queries", ModelSizes.MAX_HEADS),
                        attention.positiveInt("keys", ModelSizes.MAX_HEADS),
                        attention.positiveInt("width", ModelSizes.MAX_WIDTH)),
                json.has("experts") ? Optional.of(mixture(json.object("experts"))) : Optional.empty());
    }

    private static MixtureShape mixture(ConfigJson json) {
        return new MixtureShape(
                json.positiveInt("count", ModelSizes.MAX_EXPERTS),
                json.positiveInt("chosen", ModelSizes.MAX_EXPERTS),
                json.positiveInt("width", ModelSizes.MAX_WIDTH),
                json.flag("normalised", false),
                Set.copyOf(json.wholeNumbers("layers")));
    }

    @Override
    public TensorNames names() {
        return new TensorNames("body.", List.of("words", "block", "last_scale"));
    }

    @Override
    public PlannedTensor embedding(ModelConfig config) {
        return PlannedTensor.matrix("body.words", config.vocabSize(), config.hiddenSize());
    }

    @Override
    public LayerTensors layer(ModelConfig config, int layer) {
        String block = "body.block" + layer + "/";
        int width = config.hiddenSize();
        AttentionShape attention = config.attention();
        Optional<PlannedTensor> queryNorm =
                Optional.of(PlannedTensor.vector(block + "query_scale", attention.headDim()));
        Optional<PlannedTensor> keyNorm = Optional.of(PlannedTensor.vector(block + "key_scale", attention.headDim()));
        return new LayerTensors(
                PlannedTensor.vector(block + "first_scale", width),
                input(block + "query", attention.queryWidth(), width, queryNorm),
                input(block + "key", attention.keyValueWidth(), width, keyNorm),
                input(block + "value", attention.keyValueWidth(), width, Optional.empty()),
                PlannedTensor.matrix(block + "mix", width, attention.queryWidth()),
                PlannedTensor.vector(block + "second_scale", width),
                config.mixtureOf(layer)
                        .<LayerTensors.FeedForwardTensors>map(shape -> mixture(block, shape, width))
                        .orElseGet(() -> dense(block, config.intermediateSize(), width)));
    }

    private static LayerTensors.Input input(String name, int outputs, int inputs, Optional<PlannedTensor> norm) {
        return new LayerTensors.Input(PlannedTensor.matrix(name, outputs, inputs), Optional.empty(), norm);
    }

    private static LayerTensors.Mixture mixture(String block, MixtureShape shape, int width) {
        return new LayerTensors.Mixture(
                shape,
                PlannedTensor.matrix(block + "choice", shape.experts(), width),
                IntStream.range(0, shape.experts())
                        .mapToObj(expert -> dense(block + "expert" + expert + "/", shape.intermediateSize(), width))
                        .toList());
    }

    private static LayerTensors.Dense dense(String start, int inner, int width) {
        return new LayerTensors.Dense(
                PlannedTensor.matrix(start + "gate", inner, width),
                PlannedTensor.matrix(start + "up", inner, width),
                PlannedTensor.matrix(start + "down", width, inner));
    }

    @Override
    public PlannedTensor finalNorm(ModelConfig config) {
        return PlannedTensor.vector("body.last_scale", config.hiddenSize());
    }

    @Override
    public PlannedTensor head(ModelConfig config) {
        return PlannedTensor.matrix("answer", config.vocabSize(), config.hiddenSize());
    }

    /// Makes a copy of a Qwen3 model, dense or with experts, a model of this family with the same numbers.
    ///
    /// @param file the one file of its weights
    public static void rename(ModelCopy model, String file) {
        ModelConfig config = ModelConfig.read(model.directory());
        model.config(json -> {
            List<String> names = StreamSupport.stream(((Iterable<String>) json::fieldNames).spliterator(), false)
                    .filter(config.family().keys()::contains)
                    .toList();
            json.remove(names);
            json.put("model_type", "renamed").putArray("architectures").add("RenamedForCausalLM");
            json.put("depth", config.layers()).put("width", config.hiddenSize());
            json.put("inner_width", config.intermediateSize());
            json.putObject("attention")
                    .put("queries", config.attention().heads())
                    .put("keys", config.attention().keyValueHeads())
                    .put("width", config.attention().headDim());
            config.mixture().ifPresent(shape -> put(shape, json.putObject("experts")));
        });
        model.renamed(file, RenamedFamily::renamed);
    }

    private static void put(MixtureShape shape, ObjectNode experts) {
        experts.put("count", shape.experts()).put("chosen", shape.perToken());
        experts.put("width", shape.intermediateSize()).put("normalised", shape.normalised());
        shape.layers().forEach(experts.putArray("layers")::add);
    }

    private static String renamed(String name) {
        return name.replaceFirst("[.]weight$", "")
                .replace("model.embed_tokens", "body.words")
                .replace("model.norm", "body.last_scale")
                .replace("lm_head", "answer")
                .replaceFirst("^model[.]layers[.](\\d+)[.]", "body.block$1/")
                .replace("input_layernorm", "first_scale")
                .replace("post_attention_layernorm", "second_scale")
                .replaceFirst("self_attn[.]q_(proj)?", "query_")
                .replaceFirst("self_attn[.]k_(proj)?", "key_")
                .replaceFirst("self_attn[.]v_(proj)?", "value_")
                .replace("self_attn.o_proj", "mix")
                .replace("_norm", "_scale")
                .replaceFirst("mlp[.]experts[.](\\d+)[.]", "expert$1/")
                .replaceFirst("mlp[.]gate$", "choice")
                .replace("mlp.", "")
                .replaceFirst("_proj$|_$", "");
    }
}
