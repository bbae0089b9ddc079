package org.sparkqwen.engine.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.gguf.GgufModel;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.OtherFormat;
import org.sparkqwen.engine.quantized.Quantization;

/// The configuration of a Qwen model, as its config.json describes it, in the form of transformers 4 or 5.
///
/// An unsupported key that changes results is refused, and so is another `model_type`. A key that is not known to be
/// harmless gives a warning.
///
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width of a dense feed-forward layer
/// @param mixture the experts and the layers that have them; absent if none has
/// @param rmsNormEpsilon added to the mean square
/// @param maxPositions the context length in tokens
/// @param tiedEmbeddings whether the head shares the embedding's weights; config.json may be wrong about that, see
///     [#with]
/// @param headless whether the weights have no head, as those of many models for embeddings; only the weights say so,
///     see [#with]
/// @param eosTokenIds ids that end a text; from generation_config.json if it names any, else from config.json
/// @param endOfDocument the end-of-text id that separates documents in training. Chat models end a turn with another
///     one, and their config.json names this one as bos_token_id
/// @param bosTokenId the first id that config.json names as bos_token_id
/// @param warnings remarks on config.json for the user, a line each
public record ModelConfig(
        ModelFamily family,
        int vocabSize,
        int hiddenSize,
        int intermediateSize,
        Optional<MixtureShape> mixture,
        int layers,
        AttentionShape attention,
        float rmsNormEpsilon,
        Rope rope,
        int maxPositions,
        boolean tiedEmbeddings,
        boolean headless,
        List<Integer> eosTokenIds,
        OptionalInt endOfDocument,
        OptionalInt bosTokenId,
        GenerationDefaults generationDefaults,
        List<String> warnings) {

    static final int MAX_POSITIONS = 1 << 24;
    private static final int MAX_VOCABULARY = 1 << 22;
    private static final Set<String> ACTIVATIONS = Set.of("silu", "swish"); // two names of one function

    /// The model with the most tensors, 235B-A22B, has 36,945.
    private static final long MAX_TENSORS = 200_000;

    private static final long TENSORS_OF_A_LAYER = 16; // at most, without experts
    private static final long TENSORS_OF_AN_EXPERT = 3;

    /// Reads config.json, or the metadata of a GGUF file, and generation_config.json, where it exists.
    ///
    /// @param model a directory, or a GGUF file
    /// @throws InvalidModelException if one of them is malformed, or describes a model this engine does not run
    public static ModelConfig read(Path model) {
        ModelFolder folder = ModelFolder.of(model);
        if (!folder.has(ModelFolder.CONFIG)) {
            throw OtherFormat.in(model, "config.json: no such file");
        }
        List<String> warnings =
                new ArrayList<>(folder.gguf().map(GgufModel::warnings).orElse(List.of()));
        ConfigJson json = new ConfigJson(folder.origin(ModelFolder.CONFIG), folder.readObject(ModelFolder.CONFIG));
        ModelFamily family = ModelFamilies.of(json, warnings);
        ConfigKeys.check(json, family.keys(), warnings);
        refuseOtherModels(json, warnings);

        ModelSizes sizes = family.sizes(json);
        refuseTooManyTensors(json, sizes);
        int maxPositions = json.positiveInt("max_position_embeddings", MAX_POSITIONS);
        Rope rope = Rope.read(json, maxPositions, warnings);
        int vocabSize = json.positiveInt("vocab_size", MAX_VOCABULARY);
        GenerationDefaults generation = GenerationDefaults.read(folder);
        List<Integer> eosTokenIds =
                generation.eosTokenIds().isEmpty() ? json.tokenIds("eos_token_id") : generation.eosTokenIds();
        for (int id : eosTokenIds) {
            if (id >= vocabSize) {
                String origin = folder.origin(
                        generation.eosTokenIds().isEmpty() ? ModelFolder.CONFIG : GenerationDefaults.FILE_NAME);
                throw new InvalidModelException(
                        "%s: eos_token_id %d is outside the vocabulary of %d".formatted(origin, id, vocabSize));
            }
        }
        return new ModelConfig(
                family,
                vocabSize,
                sizes.hiddenSize(),
                sizes.intermediateSize(),
                sizes.mixture(),
                sizes.layers(),
                sizes.attention(),
                (float) json.positiveNumber("rms_norm_eps"),
                rope,
                context(rope, maxPositions),
                json.flag("tie_word_embeddings", false),
                false,
                eosTokenIds,
                endOfDocument(json, eosTokenIds),
                json.tokenIds("bos_token_id").stream()
                        .mapToInt(Integer::intValue)
                        .filter(id -> id < vocabSize)
                        .findFirst(),
                generation,
                List.copyOf(warnings));
    }

    /// Returns this configuration with the head that the weights have. A separate head in the weights counts,
    /// whatever the config says, if it differs from the embedding, as in transformers 5. To compare their numbers,
    /// this reads both. If there is no head, and the embedding is not to be one, the model is for embeddings alone.
    public ModelConfig with(WeightFiles weights) {
        TensorPlan plan = TensorPlan.of(this);
        if (!tiedEmbeddings) {
            return plan.hasHead(weights) ? this : untied(true, warnings);
        }
        if (!plan.hasOwnHead(weights)) {
            return this;
        }
        List<String> lines = new ArrayList<>(warnings);
        lines.add(("config.json: tie_word_embeddings is true, but the weights have a head of their own, %s, which"
                        + " differs from the embedding; it is used, as transformers 5 does")
                .formatted(family.head(this).name()));
        return untied(false, lines);
    }

    /// Returns this configuration with a head that is not the embedding.
    ///
    /// @param absent whether there is no head at all
    /// @param lines the warnings of the new configuration
    private ModelConfig untied(boolean absent, List<String> lines) {
        return new ModelConfig(
                family,
                vocabSize,
                hiddenSize,
                intermediateSize,
                mixture,
                layers,
                attention,
                rmsNormEpsilon,
                rope,
                maxPositions,
                false,
                absent,
                eosTokenIds,
                endOfDocument,
                bosTokenId,
                generationDefaults,
                List.copyOf(lines));
    }

    /// Refuses a model with too many tensors, because their names alone would take seconds to make, and gigabytes.
    private static void refuseTooManyTensors(ConfigJson json, ModelSizes sizes) {
        long experts = sizes.mixture()
                .map(shape -> (long) shape.experts() * shape.layers().size())
                .orElse(0L);
        long tensors = sizes.layers() * TENSORS_OF_A_LAYER + experts * TENSORS_OF_AN_EXPERT;
        if (tensors > MAX_TENSORS) {
            throw json.invalid(
                    "num_hidden_layers %,d with %,d experts in all need some %,d tensors; at most %,d are read"
                            .formatted(sizes.layers(), experts, tensors, MAX_TENSORS));
        }
    }

    private static OptionalInt endOfDocument(ConfigJson json, List<Integer> eosTokenIds) {
        List<Integer> candidates = new ArrayList<>(json.tokenIds("bos_token_id"));
        candidates.addAll(json.tokenIds("eos_token_id"));
        candidates.addAll(eosTokenIds);
        return candidates.stream()
                .filter(eosTokenIds::contains)
                .mapToInt(Integer::intValue)
                .findFirst();
    }

    /// The context length. YaRN stretches the trained context by its factor, and a config may state either the
    /// trained one or the stretched one.
    private static int context(Rope rope, int maxPositions) {
        return switch (rope) {
            case Rope.Plain plain -> maxPositions;
            case Rope.Yarn yarn ->
                (int) Math.min(MAX_POSITIONS, Math.max(maxPositions, yarn.factor() * yarn.originalPositions()));
        };
    }

    /// Refuses settings that no family computes.
    private static void refuseOtherModels(ConfigJson json, List<String> warnings) {
        // As in transformers, anything that is not true, null included, means that tokens attend to later ones, too.
        if (json.node().has("is_causal") && !json.flag("is_causal", false)) {
            throw json.unsupported("is_causal", "every token attends to those before it: true");
        }
        refuseOwnCode(json, warnings);
        if (json.has("hidden_act") && !ACTIVATIONS.contains(json.text("hidden_act"))) {
            throw json.unsupported("hidden_act", "silu is");
        }
        if (json.has("layer_types") && !json.node().path("layer_types").isArray()) {
            throw json.wrong("layer_types", "a list");
        }
        for (var layerType : json.node().path("layer_types")) {
            if (!layerType.asText().equals("full_attention")) {
                throw json.unsupported("layer_types", "full_attention is");
            }
        }
        Quantization.of(json, warnings);
    }

    /// Refuses a model whose forward pass is code of its own, because it is another model, whatever its type says.
    /// Code for its configuration or its tokenizer alone is not run either, but leaves the forward pass as it is.
    private static void refuseOwnCode(ConfigJson json, List<String> warnings) {
        if (!json.has("auto_map")) {
            return;
        }
        for (String name : json.object("auto_map").keys()) {
            if (name.startsWith("AutoModel")) {
                throw json.unsupported(
                        "auto_map",
                        "the model brings code of its own for %s, and no such code is run".formatted(Quote.of(name)));
            }
        }
        warnings.add("config.json: auto_map names code of the model's own, which is not run");
    }

    /// Refuses a model that predicts no tokens.
    ///
    /// @throws InvalidModelException if it has no head
    public void requireHead() {
        if (headless) {
            throw new InvalidModelException(("the weights have no head, %s, so the model predicts no tokens: it is one"
                            + " for embeddings; compute these with the command embed")
                    .formatted(family.head(this).name()));
        }
    }

    /// The experts of layer `layer`; absent if it is dense.
    public Optional<MixtureShape> mixtureOf(int layer) {
        return mixture.filter(shape -> shape.has(layer));
    }

    /// The number of dense layers.
    public int denseLayers() {
        return layers - mixture.map(MixtureShape::layers).orElse(Set.of()).size();
    }

    /// The bytes of keys and values that a token of context needs in all layers, in float32.
    public long keyValueBytesPerToken() {
        return 2L * layers * attention.keyValueWidth() * Float.BYTES;
    }
}
