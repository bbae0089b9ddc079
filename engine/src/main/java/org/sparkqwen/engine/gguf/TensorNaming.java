package org.sparkqwen.engine.gguf;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The names of tensors in GGUF files, and the names that transformers has for them. They are the same for all
/// families of Qwen. An unknown name stays as it is, so that messages name what is in the file.
public final class TensorNaming {
    static final String EMBEDDING = "token_embd.weight";
    static final String HEAD = "output.weight";

    private static final Map<String, String> OUTSIDE_LAYERS = Map.of(
            EMBEDDING, "model.embed_tokens.weight", "output_norm.weight", "model.norm.weight", HEAD, "lm_head.weight");

    private static final Pattern OF_LAYER = Pattern.compile("blk[.](\\d{1,6})[.](\\w+)[.](weight|bias)");

    private static final Map<String, String> IN_LAYERS = Map.ofEntries(
            Map.entry("attn_norm", "input_layernorm"),
            Map.entry("attn_q", "self_attn.q_proj"),
            Map.entry("attn_k", "self_attn.k_proj"),
            Map.entry("attn_v", "self_attn.v_proj"),
            Map.entry("attn_q_norm", "self_attn.q_norm"),
            Map.entry("attn_k_norm", "self_attn.k_norm"),
            Map.entry("attn_output", "self_attn.o_proj"),
            Map.entry("ffn_norm", "post_attention_layernorm"),
            Map.entry("ffn_gate", "mlp.gate_proj"),
            Map.entry("ffn_up", "mlp.up_proj"),
            Map.entry("ffn_down", "mlp.down_proj"),
            Map.entry("ffn_gate_inp", "mlp.gate"));

    /// Tensors that hold a matrix for each expert, in their order.
    private static final Map<String, String> OF_EXPERTS = Map.of(
            "ffn_gate_exps", "gate_proj",
            "ffn_up_exps", "up_proj",
            "ffn_down_exps", "down_proj");

    private TensorNaming() {}

    /// Returns the name of transformers for a tensor that is one there too.
    public static String ofTransformers(String name) {
        Matcher layer = OF_LAYER.matcher(name);
        if (layer.matches()) {
            String part = IN_LAYERS.get(layer.group(2));
            return part == null ? name : "model.layers.%s.%s.%s".formatted(layer.group(1), part, layer.group(3));
        }
        return OUTSIDE_LAYERS.getOrDefault(name, name);
    }

    /// Whether a tensor has a matrix for each expert, which transformers has one by one.
    public static boolean isOfExperts(String name) {
        Matcher layer = OF_LAYER.matcher(name);
        return layer.matches() && OF_EXPERTS.containsKey(layer.group(2));
    }

    /// Returns the name of transformers for an expert's matrix.
    ///
    /// @param name a name for which [#isOfExperts] is true
    public static String ofTransformers(String name, int expert) {
        Matcher layer = OF_LAYER.matcher(name);
        String part = layer.matches() ? OF_EXPERTS.get(layer.group(2)) : null;
        if (part == null) {
            throw new IllegalArgumentException(name + " is not a tensor of experts");
        }
        return "model.layers.%s.mlp.experts.%d.%s.%s".formatted(layer.group(1), expert, part, layer.group(3));
    }
}
