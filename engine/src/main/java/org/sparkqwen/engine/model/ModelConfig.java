package org.sparkqwen.engine.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.ModelJson;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.message.Quote;

/// A Qwen model, as its config.json describes it, in the form of transformers 4 or 5.
///
/// A key that changes results and is not supported is refused; so is another `model_type`. A key that is not known to
/// be harmless is warned of.
///
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width of a dense feed-forward layer
/// @param mixture of the layers that have experts; absent if none has
/// @param rmsNormEpsilon added to the mean square
/// @param maxPositions the context, in tokens
/// @param tiedEmbeddings whether the head shares the embedding's weights
/// @param eosTokenIds ids that end a text; from generation_config.json where it names any, else from config.json
/// @param endOfDocument the end-of-text id that separates documents in training. Chat models end a turn with another
///     one; config.json then names this one as bos_token_id
/// @param warnings what a person should know of config.json, a line each
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
        List<Integer> eosTokenIds,
        OptionalInt endOfDocument,
        GenerationDefaults generationDefaults,
        List<String> warnings) {

    static final int MAX_POSITIONS = 1 << 24;
    static final int MAX_WIDTH = 1 << 18;
    private static final int MAX_VOCABULARY = 1 << 22;
    private static final int MAX_LAYERS = 1 << 10;
    private static final int MAX_HEADS = 1 << 10;

    /// Keys that say nothing about how logits come out of tokens, or that are checked below.
    private static final Set<String> KNOWN_KEYS = Set.of(
            "_name_or_path",
            "architectures",
            "attention_bias",
            "attention_dropout",
            "bos_token_id",
            "decoder_sparse_step",
            "dtype",
            "eos_token_id",
            "head_dim",
            "hidden_act",
            "hidden_size",
            "initializer_range",
            "intermediate_size",
            "layer_types",
            "max_position_embeddings",
            "max_window_layers",
            "mlp_only_layers",
            "model_type",
            "moe_intermediate_size",
            "norm_topk_prob",
            "num_attention_heads",
            "num_experts",
            "num_experts_per_tok",
            "num_hidden_layers",
            "num_key_value_heads",
            "num_local_experts",
            "output_attentions",
            "output_hidden_states",
            "output_router_logits",
            "pad_token_id",
            "quantization_config",
            "return_dict",
            "rms_norm_eps",
            "rope_parameters",
            "rope_scaling",
            "rope_theta",
            "router_aux_loss_coef",
            "sliding_window",
            "tie_word_embeddings",
            "torch_dtype",
            "transformers_version",
            "use_cache",
            "use_sliding_window",
            "vocab_size");

    /// Reads config.json and, where it exists, generation_config.json.
    ///
    /// @throws InvalidModelException if either is malformed, or describes a model this engine does not run
    public static ModelConfig read(Path directory) {
        Path file = directory.resolve("config.json");
        ConfigJson json = new ConfigJson(file.toString(), ModelJson.readObject(file));
        ModelFamily family = ModelFamily.read(json);
        int layers = json.positiveInt("num_hidden_layers", MAX_LAYERS);
        refuseOtherModels(json, family, layers);

        int hiddenSize = json.positiveInt("hidden_size", MAX_WIDTH);
        int heads = json.positiveInt("num_attention_heads", MAX_HEADS);
        int keyValueHeads =
                json.has("num_key_value_heads") ? json.positiveInt("num_key_value_heads", MAX_HEADS) : heads;
        int headDim =
                json.has("head_dim") ? json.positiveInt("head_dim", MAX_WIDTH) : family.headDim(hiddenSize, heads);
        if (heads % keyValueHeads != 0) {
            throw new InvalidModelException("%s: num_attention_heads %d is not a multiple of num_key_value_heads %d"
                    .formatted(file, heads, keyValueHeads));
        }
        if (headDim % 2 != 0) {
            throw json.has("head_dim")
                    ? json.wrong("head_dim", "even, for rotary embedding turns pairs")
                    : json.wrong("hidden_size", "an even number for each head, for rotary embedding turns pairs");
        }
        int maxPositions = json.positiveInt("max_position_embeddings", MAX_POSITIONS);
        Rope rope = Rope.read(json, maxPositions);
        int vocabSize = json.positiveInt("vocab_size", MAX_VOCABULARY);
        GenerationDefaults generation = GenerationDefaults.read(directory);
        List<Integer> eosTokenIds =
                generation.eosTokenIds().isEmpty() ? json.tokenIds("eos_token_id") : generation.eosTokenIds();
        for (int id : eosTokenIds) {
            if (id >= vocabSize) {
                Path origin =
                        generation.eosTokenIds().isEmpty() ? file : directory.resolve(GenerationDefaults.FILE_NAME);
                throw new InvalidModelException(
                        "%s: eos_token_id %d is outside the vocabulary of %d".formatted(origin, id, vocabSize));
            }
        }

        return new ModelConfig(
                family,
                vocabSize,
                hiddenSize,
                json.positiveInt("intermediate_size", MAX_WIDTH),
                family == ModelFamily.QWEN3_MOE ? MixtureShape.read(json, layers) : Optional.empty(),
                layers,
                new AttentionShape(heads, keyValueHeads, headDim),
                (float) json.positiveNumber("rms_norm_eps"),
                rope,
                context(rope, maxPositions),
                json.flag("tie_word_embeddings", false),
                eosTokenIds,
                endOfDocument(json, eosTokenIds),
                generation,
                warnings(json));
    }

    private static List<String> warnings(ConfigJson json) {
        Set<String> unknown = new TreeSet<>(json.keys());
        unknown.removeAll(KNOWN_KEYS);
        return unknown.stream()
                .map(key -> "config.json: key %s is unknown and ignored".formatted(Quote.of(key)))
                .toList();
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

    /// YaRN stretches the trained context by its factor; a config may state the trained one or the stretched one.
    private static int context(Rope rope, int maxPositions) {
        return switch (rope) {
            case Rope.Plain plain -> maxPositions;
            case Rope.Yarn yarn ->
                (int) Math.min(MAX_POSITIONS, Math.max(maxPositions, yarn.factor() * yarn.originalPositions()));
        };
    }

    private static void refuseOtherModels(ConfigJson json, ModelFamily family, int layers) {
        if (json.has("hidden_act") && !json.text("hidden_act").equals("silu")) {
            throw json.unsupported("hidden_act", "silu is");
        }
        // Of Qwen2 the key says nothing: queries, keys and values always have biases.
        if (family != ModelFamily.QWEN2 && json.flag("attention_bias", false)) {
            throw json.unsupported("attention_bias", "Qwen3 has none");
        }
        refuseSlidingWindow(json, family, layers);
        if (json.has("layer_types") && !json.node().path("layer_types").isArray()) {
            throw json.wrong("layer_types", "a list");
        }
        for (var layerType : json.node().path("layer_types")) {
            if (!layerType.asText().equals("full_attention")) {
                throw json.unsupported("layer_types", "full_attention is");
            }
        }
        if (json.has("quantization_config")) {
            throw json.unsupported("quantization_config", "take the checkpoint in BF16, F16 or F32");
        }
    }

    /// A window is in use unless its size is null. Dense models use it from layer max_window_layers on, those with
    /// experts in all layers.
    private static void refuseSlidingWindow(ConfigJson json, ModelFamily family, int layers) {
        boolean sized = json.has("sliding_window") || !json.node().has("sliding_window");
        if (!json.flag("use_sliding_window", false) || !sized) {
            return;
        }
        int firstLayer = json.has("max_window_layers") ? json.wholeNumber("max_window_layers", 0, MAX_LAYERS) : 28;
        if (family == ModelFamily.QWEN3_MOE || firstLayer < layers) {
            throw json.unsupported("use_sliding_window", "every layer attends to the whole context");
        }
    }

    /// The experts of layer `layer`; absent if it is dense.
    Optional<MixtureShape> mixtureOf(int layer) {
        return mixture.filter(shape -> shape.has(layer));
    }

    /// Layers that are dense.
    public int denseLayers() {
        return layers - mixture.map(MixtureShape::layers).orElse(Set.of()).size();
    }

    /// Bytes of keys and values that a token of context needs in all layers, in float32.
    public long keyValueBytesPerToken() {
        return 2L * layers * attention.keyValueWidth() * Float.BYTES;
    }
}
