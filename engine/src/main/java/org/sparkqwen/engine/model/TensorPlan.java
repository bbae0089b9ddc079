package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.TensorView;

/// The tensors a configuration calls for, by name and shape, and how a checkpoint differs from them.
///
/// @param shapes name to shape, in the order of the model
public record TensorPlan(SequencedMap<String, List<Integer>> shapes) {
    static final String EMBEDDING = "model.embed_tokens.weight";
    static final String FINAL_NORM = "model.norm.weight";
    static final String HEAD = "lm_head.weight";

    static String layer(int layer, String part) {
        return "model.layers.%d.%s.weight".formatted(layer, part);
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
            shapes.put(layer(i, "self_attn.q_proj"), List.of(queries, hidden));
            shapes.put(layer(i, "self_attn.k_proj"), List.of(keyValues, hidden));
            shapes.put(layer(i, "self_attn.v_proj"), List.of(keyValues, hidden));
            shapes.put(layer(i, "self_attn.q_norm"), List.of(headDim));
            shapes.put(layer(i, "self_attn.k_norm"), List.of(headDim));
            shapes.put(layer(i, "self_attn.o_proj"), List.of(hidden, queries));
            shapes.put(layer(i, "post_attention_layernorm"), List.of(hidden));
            shapes.put(layer(i, "mlp.gate_proj"), List.of(config.intermediateSize(), hidden));
            shapes.put(layer(i, "mlp.up_proj"), List.of(config.intermediateSize(), hidden));
            shapes.put(layer(i, "mlp.down_proj"), List.of(hidden, config.intermediateSize()));
        }
        shapes.put(FINAL_NORM, List.of(hidden));
        if (!config.tiedEmbeddings()) {
            shapes.put(HEAD, List.of(config.vocabSize(), hidden));
        }
        return new TensorPlan(shapes);
    }

    public long parameters() {
        return shapes.values().stream().mapToLong(TensorPlan::elements).sum();
    }

    static long elements(List<Integer> shape) {
        return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    /// One line for each tensor that is missing, has another shape, or has no place in the model; empty if all fit.
    public List<String> differences(Checkpoint checkpoint) {
        List<String> differences = new ArrayList<>();
        for (Map.Entry<String, List<Integer>> wanted : shapes.entrySet()) {
            checkpoint
                    .find(wanted.getKey())
                    .ifPresentOrElse(
                            tensor -> {
                                if (!tensor.shape().equals(wanted.getValue())) {
                                    differences.add("tensor %s has shape %s, the config needs %s"
                                            .formatted(wanted.getKey(), tensor.shape(), wanted.getValue()));
                                }
                            },
                            () -> differences.add("tensor %s is missing".formatted(wanted.getKey())));
        }
        for (TensorView tensor : checkpoint.tensors()) {
            if (!shapes.containsKey(tensor.name()) && !harmlessSurplus(tensor.name())) {
                differences.add("tensor %s has no place in the model".formatted(tensor.name()));
            }
        }
        return differences;
    }

    /// Copies that checkpoints carry of what the config gives already: a tied head, and the rotary frequencies.
    private static boolean harmlessSurplus(String name) {
        return name.equals(HEAD) || name.endsWith(".rotary_emb.inv_freq");
    }
}
