package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.PackedTensor.Form;
import org.sparkqwen.engine.checkpoint.TensorView;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The tensors that a configuration calls for, by name and shape. It says how they are packed, and how a checkpoint
/// differs from them.
///
/// @param shapes name to shape, in the order of the model
public record TensorPlan(SequencedMap<String, List<Integer>> shapes) {
    static final String EMBEDDING = "model.embed_tokens.weight";
    static final String FINAL_NORM = "model.norm.weight";
    static final String HEAD = "lm_head.weight";

    private static final String EXPERTS = "mlp.experts.";

    private static final String BARE_EMBEDDING = "embed_tokens.weight";

    /// Endings of tensor names in the formats of GPTQ, AWQ, FP8, compressed-tensors, bitsandbytes and MLX.
    private static final List<String> QUANTIZED = List.of(
            ".qweight",
            ".qzeros",
            ".g_idx",
            ".weight_packed",
            ".weight_scale",
            ".weight_scale_inv",
            ".weight.absmax",
            ".weight.quant_map",
            ".SCB",
            ".scales");

    private static final int SHOWN_DIFFERENCES = 5;

    /// The start of the names of a layer's tensors.
    static String layer(int layer) {
        return "model.layers.%d.".formatted(layer);
    }

    static String layer(int layer, String part) {
        return layer(layer) + part + ".weight";
    }

    static String bias(int layer, String part) {
        return layer(layer) + part + ".bias";
    }

    /// The start of the names of an expert's tensors.
    static String expert(int layer, int expert) {
        return layer(layer) + EXPERTS + expert + ".";
    }

    static boolean isOfExpert(String name) {
        return name.contains("." + EXPERTS);
    }

    static String expert(int layer, int expert, String part) {
        return expert(layer, expert) + part + ".weight";
    }

    public static TensorPlan of(ModelConfig config) {
        int hidden = config.hiddenSize();
        int queries = config.attention().queryWidth();
        int keyValues = config.attention().keyValueWidth();
        int headDim = config.attention().headDim();
        SequencedMap<String, List<Integer>> shapes = new LinkedHashMap<>();
        shapes.put(EMBEDDING, List.of(config.vocabSize(), hidden));
        for (int i = 0; i < config.layers(); i++) {
            shapes.put(layer(i, "input_layernorm"), List.of(hidden));
            addProjection(shapes, config, i, "self_attn.q_proj", queries);
            addProjection(shapes, config, i, "self_attn.k_proj", keyValues);
            addProjection(shapes, config, i, "self_attn.v_proj", keyValues);
            if (config.family().normsQueriesAndKeys()) {
                shapes.put(layer(i, "self_attn.q_norm"), List.of(headDim));
                shapes.put(layer(i, "self_attn.k_norm"), List.of(headDim));
            }
            shapes.put(layer(i, "self_attn.o_proj"), List.of(hidden, queries));
            shapes.put(layer(i, "post_attention_layernorm"), List.of(hidden));
            addFeedForward(shapes, config, i);
        }
        shapes.put(FINAL_NORM, List.of(hidden));
        if (!config.tiedEmbeddings()) {
            shapes.put(HEAD, List.of(config.vocabSize(), hidden));
        }
        return new TensorPlan(shapes);
    }

    /// Adds a projection of the layer's input, with a bias if queries and keys have no norm.
    private static void addProjection(
            Map<String, List<Integer>> shapes, ModelConfig config, int layer, String part, int outputs) {
        shapes.put(layer(layer, part), List.of(outputs, config.hiddenSize()));
        if (!config.family().normsQueriesAndKeys()) {
            shapes.put(bias(layer, part), List.of(outputs));
        }
    }

    private static void addFeedForward(Map<String, List<Integer>> shapes, ModelConfig config, int layer) {
        int hidden = config.hiddenSize();
        MixtureShape mixture = config.mixtureOf(layer).orElse(null);
        if (mixture == null) {
            shapes.put(layer(layer, "mlp.gate_proj"), List.of(config.intermediateSize(), hidden));
            shapes.put(layer(layer, "mlp.up_proj"), List.of(config.intermediateSize(), hidden));
            shapes.put(layer(layer, "mlp.down_proj"), List.of(hidden, config.intermediateSize()));
            return;
        }
        shapes.put(layer(layer, "mlp.gate"), List.of(mixture.experts(), hidden));
        for (int i = 0; i < mixture.experts(); i++) {
            shapes.put(expert(layer, i, "gate_proj"), List.of(mixture.intermediateSize(), hidden));
            shapes.put(expert(layer, i, "up_proj"), List.of(mixture.intermediateSize(), hidden));
            shapes.put(expert(layer, i, "down_proj"), List.of(hidden, mixture.intermediateSize()));
        }
    }

    /// The number of parameters that take part in a token: all but those of the experts that it does not go to.
    public static long activeParameters(ModelConfig config) {
        return of(config).parameters() - idleParameters(config);
    }

    private static long idleParameters(ModelConfig config) {
        return config.mixture()
                .map(mixture -> 3L
                        * config.hiddenSize()
                        * mixture.intermediateSize()
                        * (mixture.experts() - mixture.perToken())
                        * mixture.layers().size())
                .orElse(0L);
    }

    /// The arithmetic operations of a token's products with weights, the head's included; a multiply-add counts as
    /// two. Attention adds more, depending on the position. An embedding that no head shares is not multiplied
    /// with, because it is looked up.
    public static long flopsPerToken(ModelConfig config) {
        SequencedMap<String, List<Integer>> shapes = of(config).shapes();
        long multiplied = shapes.entrySet().stream()
                .filter(tensor -> tensor.getValue().size() == 2)
                .filter(tensor -> !tensor.getKey().equals(EMBEDDING) || !shapes.containsKey(HEAD))
                .mapToLong(tensor -> elements(tensor.getValue()))
                .sum();
        return 2 * (multiplied - idleParameters(config));
    }

    public long parameters() {
        return shapes.values().stream().mapToLong(TensorPlan::elements).sum();
    }

    static long elements(List<Integer> shape) {
        return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    /// The layout of the packed tensors. A head that shares the embedding's weights serves as embedding too, so
    /// that nothing is stored twice; a separate embedding lies in rows.
    ///
    /// @param dtypes the number format of each matrix, by name; vectors become float32
    public PackedLayout layout(Function<String, DType> dtypes) {
        PackedLayout.Builder layout = new PackedLayout.Builder();
        shapes.forEach((name, shape) -> layout.add(name, form(name, dtypes.apply(name)), shape));
        return layout.build();
    }

    /// The layout of the packed tensors in the number formats of `checkpoint`, which has all the tensors.
    public PackedLayout layout(Checkpoint checkpoint) {
        return layout(name -> checkpoint.find(name).orElseThrow().dtype());
    }

    private Form form(String name, DType dtype) {
        boolean bf16 = dtype == DType.BF16;
        if (Objects.requireNonNull(shapes.get(name)).size() == 1) {
            return Form.VECTOR_F32;
        }
        if (name.equals(EMBEDDING) && shapes.containsKey(HEAD)) {
            return bf16 ? Form.ROWS_BF16 : Form.ROWS_F32;
        }
        return bf16 ? Form.PANELS_BF16 : Form.PANELS_F32;
    }

    /// @throws InvalidModelException naming the first few of the [#differences], if there are any
    public void refuseDifferences(WeightFiles weights) {
        List<String> differences = differences(weights);
        if (!differences.isEmpty()) {
            int more = differences.size() - SHOWN_DIFFERENCES;
            throw new InvalidModelException("%s: %s%s"
                    .formatted(
                            weights.directory(),
                            differences.stream().limit(SHOWN_DIFFERENCES).collect(Collectors.joining("; ")),
                            more > 0 ? "; and %d more such".formatted(more) : ""));
        }
    }

    /// Whether the weights have a head that differs from the embedding. To compare their numbers, this reads both.
    static boolean hasOwnHead(WeightFiles weights) {
        return switch (weights) {
            case PackedFile packed -> packed.layout().find(HEAD).isPresent();
            case Checkpoint checkpoint -> {
                TensorView head = checkpoint.find(HEAD).orElse(null);
                TensorView embedding = checkpoint.find(EMBEDDING).orElse(null);
                yield head != null && embedding != null && !head.equalsNumbersOf(embedding);
            }
        };
    }

    /// One line for each tensor that is missing, has another shape or form, or has no place in the model. If the
    /// names are those of something else, there is one line in all; if all tensors fit, there is none.
    public List<String> differences(WeightFiles weights) {
        Map<String, WeightFiles.Tensor> present =
                weights.tensors().stream().collect(Collectors.toMap(WeightFiles.Tensor::name, tensor -> tensor));
        String other = otherNames(present.keySet());
        if (other != null) {
            return List.of(other);
        }
        List<String> differences = new ArrayList<>();
        shapes.forEach((name, shape) -> {
            WeightFiles.Tensor tensor = present.get(name);
            if (tensor == null && name.equals(HEAD)) {
                differences.add("tensor %s is missing: models for embeddings have no head; where the embedding is the"
                                .formatted(HEAD)
                        + " head, config.json says so by tie_word_embeddings true");
            } else if (tensor == null) {
                differences.add("tensor %s is missing".formatted(name));
            } else if (!tensor.shape().equals(shape)) {
                differences.add(
                        "tensor %s has shape %s, the config needs %s".formatted(name, Quote.of(tensor.shape()), shape));
            } else if (tensor instanceof PackedTensor packed && packed.form() != form(name, packed.dtype())) {
                differences.add("tensor %s is packed as %s, the config needs %s"
                        .formatted(name, packed.form(), form(name, packed.dtype())));
            }
        });
        for (WeightFiles.Tensor tensor : weights.tensors()) {
            if (!shapes.containsKey(tensor.name()) && !harmlessSurplus(tensor.name())) {
                differences.add("tensor %s has no place in the model".formatted(Quote.of(tensor.name())));
            }
        }
        return differences;
    }

    /// Describes names that are those of something else as a whole; null if they are not.
    private @Nullable String otherNames(Set<String> names) {
        SortedSet<String> ordered = new TreeSet<>(names);
        for (String name : ordered) {
            if (QUANTIZED.stream().anyMatch(name::endsWith)) {
                return "the weights are quantized: there is a tensor %s; take the checkpoint in BF16, F16 or F32"
                        .formatted(Quote.of(name));
            }
            if (name.contains(".lora_A.") || name.contains(".lora_B.")) {
                return "the weights are those of an adapter: there is a tensor %s; merge it into its base model"
                        .formatted(Quote.of(name));
            }
        }
        if (names.isEmpty() || shapes.keySet().stream().anyMatch(names::contains)) {
            return null;
        }
        for (String name : ordered) {
            if (name.endsWith(BARE_EMBEDDING)) {
                return "the names of tensors begin with %s where model. or nothing is read"
                        .formatted(Quote.of(name.substring(0, name.length() - BARE_EMBEDDING.length())));
            }
        }
        return "none of the %,d tensors, such as %s, has a name that the model needs, such as %s"
                .formatted(names.size(), Quote.of(ordered.first()), EMBEDDING);
    }

    /// Whether a tensor is a copy of what the config gives already: a tied head, or the rotary frequencies.
    private static boolean harmlessSurplus(String name) {
        return name.equals(HEAD) || name.endsWith(".rotary_emb.inv_freq");
    }
}
