package org.sparkqwen.engine.gguf;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/// Translates the metadata of a GGUF file to a config.json. It refuses values that no config.json can state; the reader
/// of config.json judges the rest.
///
/// @param metadata that of the file, or of its first part
/// @param tied whether the file has no head of its own
/// @param embeddingRows the rows of the embedding; empty if there is none
record GgufConfig(GgufMetadata metadata, boolean tied, OptionalInt embeddingRows) {
    private static final int MAX_SIZE = 1 << 24;

    /// The token between documents in the training of all Qwen models.
    private static final String END_OF_DOCUMENT = "<|endoftext|>";

    ObjectNode translate() {
        Architecture architecture = Architecture.of(metadata);
        String start = architecture.id + ".";
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.putArray("architectures").add(architecture.className);
        config.put("model_type", architecture.modelType);
        config.put("vocab_size", vocabulary(start));
        int hidden = size(start + "embedding_length");
        int heads = size(start + "attention.head_count");
        config.put("hidden_size", hidden);
        config.put("num_hidden_layers", size(start + "block_count"));
        config.put("num_attention_heads", heads);
        config.put("num_key_value_heads", optionalSize(start + "attention.head_count_kv", heads));
        config.put("head_dim", headDim(start, Math.max(1, hidden / heads)));
        config.put("rms_norm_eps", metadata.number(start + "attention.layer_norm_rms_epsilon"));
        config.put("max_position_embeddings", size(start + "context_length"));
        config.put("tie_word_embeddings", tied);
        putFeedForward(config, start, architecture == Architecture.QWEN3_MOE);
        putRope(config, start);
        putTokens(config);
        return config;
    }

    private int size(String key) {
        return metadata.wholeNumber(key, 1, MAX_SIZE);
    }

    private int optionalSize(String key, int absent) {
        return metadata.has(key) ? size(key) : absent;
    }

    private int vocabulary(String start) {
        if (metadata.has(start + "vocab_size")) {
            return size(start + "vocab_size");
        }
        if (metadata.has(GgufTokenizer.TOKENS)) {
            return metadata.count(GgufTokenizer.TOKENS);
        }
        return embeddingRows.orElseThrow(() -> metadata.wrong(GgufTokenizer.TOKENS, "a list of strings"));
    }

    /// The width of a head, which keys, values and the rotary embedding share.
    private int headDim(String start, int absent) {
        int headDim = optionalSize(start + "attention.key_length", absent);
        for (String key : List.of("attention.value_length", "rope.dimension_count")) {
            if (optionalSize(start + key, headDim) != headDim) {
                throw metadata.unsupported(start + key, "only the %d of a head's keys are".formatted(headDim));
            }
        }
        return headDim;
    }

    private void putFeedForward(ObjectNode config, String start, boolean experts) {
        String dense = start + "feed_forward_length";
        if (!experts) {
            config.put("intermediate_size", size(dense));
            return;
        }
        int width = size(start + "expert_feed_forward_length");
        config.put("moe_intermediate_size", width);
        config.put("intermediate_size", optionalSize(dense, width)); // no layer is dense
        config.put("num_experts", size(start + "expert_count"));
        config.put("num_experts_per_tok", size(start + "expert_used_count"));
        config.put("decoder_sparse_step", 1);
        config.put("norm_topk_prob", metadata.flag(start + "expert_weights_norm", true));
    }

    /// Translates the position embedding. Without a type, a factor means linear scaling, as in llama.cpp.
    private void putRope(ObjectNode config, String start) {
        if (metadata.has(start + "rope.freq_base")) {
            config.put("rope_theta", metadata.number(start + "rope.freq_base"));
        }
        String scaling = start + "rope.scaling.";
        String type = metadata.has(scaling + "type") ? metadata.text(scaling + "type") : "linear";
        switch (type) {
            case "none" -> {}
            case "linear" -> {
                if (metadata.has(scaling + "factor") && metadata.number(scaling + "factor") != 1) {
                    throw metadata.unsupported(scaling + "factor", "without a scaling type, or with linear, only 1 is");
                }
            }
            case "yarn" -> {
                ObjectNode rope = config.putObject("rope_scaling");
                rope.put("rope_type", "yarn");
                rope.put("factor", metadata.number(scaling + "factor"));
                putNumber(rope, "beta_fast", scaling + "yarn_beta_fast");
                putNumber(rope, "beta_slow", scaling + "yarn_beta_slow");
                if (metadata.has(scaling + "original_context_length")) {
                    rope.put("original_max_position_embeddings", size(scaling + "original_context_length"));
                }
            }
            default -> throw metadata.unsupported(scaling + "type", "none and yarn are");
        }
    }

    private void putNumber(ObjectNode node, String name, String key) {
        if (metadata.has(key)) {
            node.put(name, metadata.number(key));
        }
    }

    /// Translates the tokens that begin and end texts. The metadata name one end of a text, where the
    /// generation_config.json of Qwen's chat models names two: the end of a turn, and the end of a document. So the
    /// latter is added, if the vocabulary has it.
    private void putTokens(ObjectNode config) {
        token("tokenizer.ggml.bos_token_id").ifPresent(id -> config.put("bos_token_id", id));
        Set<Integer> ends = new LinkedHashSet<>();
        token(GgufTokenizer.EOS).ifPresent(ends::add);
        token("tokenizer.ggml.eot_token_id").ifPresent(ends::add);
        if (!ends.isEmpty() && metadata.has(GgufTokenizer.TOKENS)) {
            int id = metadata.texts(GgufTokenizer.TOKENS).indexOf(END_OF_DOCUMENT);
            if (id >= 0) {
                ends.add(id);
            }
        }
        ArrayNode ids = config.putArray("eos_token_id");
        ends.forEach(ids::add);
    }

    private OptionalInt token(String key) {
        return metadata.has(key) ? OptionalInt.of(metadata.wholeNumber(key, 0, MAX_SIZE)) : OptionalInt.empty();
    }
}
