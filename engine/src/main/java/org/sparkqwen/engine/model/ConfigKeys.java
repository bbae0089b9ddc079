package org.sparkqwen.engine.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Sorts every key of config.json by what it means to this engine: it is obeyed, it changes nothing, or it changes
/// results and only the value that this engine computes is accepted. Any other key gives a warning. docs/models.md has
/// the table.
final class ConfigKeys {
    /// Keys that [ModelConfig], [ModelFamilies] and [RopeReader] read or refuse for all families. Each family adds
    /// its own, see [ModelFamily#keys].
    static final Set<String> OBEYED = Set.of(
            "architectures",
            "auto_map",
            "bos_token_id",
            "eos_token_id",
            "hidden_act",
            "is_causal",
            "layer_types",
            "max_position_embeddings",
            "model_type",
            "original_max_position_embeddings",
            "partial_rotary_factor",
            "quantization_config",
            "rms_norm_eps",
            "rope_parameters",
            "rope_scaling",
            "rope_theta",
            "tie_word_embeddings",
            "vocab_size");

    /// Keys of training, of other tools, or of what a program does with the logits.
    static final Set<String> WITHOUT_EFFECT = Set.of(
            "_attn_implementation",
            "_attn_implementation_autoset",
            "_commit_hash",
            "_name_or_path",
            "attention_dropout",
            "attn_implementation",
            "chunk_size_feed_forward",
            "classifier_dropout",
            "cross_attention_hidden_size",
            "decoder_start_token_id",
            "dtype",
            "embd_pdrop",
            "embedding_dropout",
            "finetuning_task",
            "gradient_checkpointing",
            "hidden_dropout",
            "id2label",
            "initializer_range",
            "is_decoder",
            "keys_to_ignore_at_inference",
            "label2id",
            "license",
            "max_sequence_length",
            "model_max_length",
            "model_name",
            "num_labels",
            "output_attentions",
            "output_hidden_states",
            "output_router_logits",
            "pad_token_id",
            "prefix",
            "pretraining_tp",
            "problem_type",
            "resid_pdrop",
            "return_dict",
            "router_aux_loss_coef",
            "router_jitter_noise",
            "router_z_loss_coef",
            "sep_token_id",
            "seq_length",
            "task_specific_params",
            "tf_legacy_loss",
            "tie_encoder_decoder",
            "tokenizer_class",
            "torch_dtype",
            "torchscript",
            "transformers.js_config",
            "transformers_version",
            "unsloth_fixed",
            "unsloth_version",
            "use_bfloat16",
            "use_cache",
            "use_return_dict");

    /// Keys of generation, which older versions of transformers wrote here; their place is generation_config.json.
    static final Set<String> OF_GENERATION = Set.of(
            "bad_words_ids",
            "begin_suppress_tokens",
            "diversity_penalty",
            "do_sample",
            "early_stopping",
            "encoder_no_repeat_ngram_size",
            "exponential_decay_length_penalty",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "length_penalty",
            "max_length",
            "max_new_tokens",
            "min_length",
            "min_p",
            "no_repeat_ngram_size",
            "num_beam_groups",
            "num_beams",
            "num_return_sequences",
            "output_scores",
            "remove_invalid_values",
            "repetition_penalty",
            "return_dict_in_generate",
            "suppress_tokens",
            "temperature",
            "top_k",
            "top_p",
            "typical_p");

    /// Keys that change results, with the value at which they do not.
    private static final Map<String, Neutral> CHANGING = changing();

    private ConfigKeys() {}

    /// The values at which a key changes nothing; null always is one.
    enum Neutral {
        FALSE("false", value -> value.isBoolean() && !value.booleanValue()),
        TRUE("true", value -> value.isBoolean() && value.booleanValue()),
        ZERO("0", value -> value.isNumber() && value.doubleValue() == 0),
        ONE("1", value -> value.isNumber() && value.doubleValue() == 1),
        SOFTMAX("softmax", value -> value.asText().equals("softmax")),
        NOTHING(
                "nothing",
                value -> (value.isContainerNode() && value.isEmpty())
                        || (value.isTextual() && value.textValue().isEmpty())
                        || (value.isBoolean() && !value.booleanValue()));

        private final String shown;

        @SuppressWarnings("ImmutableEnumChecker") // functions without state
        private final Predicate<JsonNode> allows;

        Neutral(String shown, Predicate<JsonNode> allows) {
            this.shown = shown;
            this.allows = allows;
        }
    }

    private static Map<String, Neutral> changing() {
        Map<String, Neutral> keys = new TreeMap<>();
        put(
                keys,
                Neutral.FALSE,
                "add_cross_attention",
                "alibi",
                "attn_output_gate",
                "bidirectional",
                "is_encoder_decoder",
                "lm_head_bias",
                "mlp_bias",
                "rope_interleave",
                "rope_interleaved",
                "scale_attn_by_inverse_layer_idx",
                "use_bias",
                "use_bidirectional_attention",
                "use_mrope");
        put(keys, Neutral.TRUE, "scale_attn_weights", "use_rope");
        put(
                keys,
                Neutral.ZERO,
                "first_k_dense_replace",
                "moe_shared_expert_intermediate_size",
                "n_shared_experts",
                "num_shared_experts",
                "shared_expert_intermediate_size");
        put(
                keys,
                Neutral.ONE,
                "embedding_multiplier",
                "key_multiplier",
                "lm_head_multiplier",
                "logit_scale",
                "logit_scaling",
                "logits_scaling",
                "moe_layer_freq",
                "n_group",
                "output_multiplier",
                "residual_multiplier",
                "rotary_pct",
                "routed_scaling_factor",
                "scale_emb",
                "topk_group");
        put(keys, Neutral.SOFTMAX, "moe_router_activation_func", "scoring_func");
        put(
                keys,
                Neutral.NOTHING,
                "attention_chunk_size",
                "attention_multiplier",
                "attention_sink",
                "attention_window",
                "attn_logit_softcapping",
                "audio_config",
                "compression_config",
                "dim_model_base",
                "final_logit_softcapping",
                "kv_lora_rank",
                "local_attention",
                "no_rope_layer_interval",
                "no_rope_layers",
                "pruned_heads",
                "q_lora_rank",
                "quantization",
                "query_pre_attn_scalar",
                "rotary_emb_base",
                "scale_depth",
                "sliding_window_pattern",
                "text_config",
                "vision_config",
                "window_size");
        return keys;
    }

    private static void put(Map<String, Neutral> keys, Neutral neutral, String... names) {
        for (String name : names) {
            keys.put(name, neutral);
        }
    }

    /// The keys that change results.
    static Set<String> changingKeys() {
        return CHANGING.keySet();
    }

    /// Refuses a key that would change results, and warns of unknown keys.
    ///
    /// @param ofFamily the keys that the model's family knows besides
    /// @param warnings gets a line for each kind
    static void check(ConfigJson json, Set<String> ofFamily, List<String> warnings) {
        List<String> unknown = new ArrayList<>();
        List<String> misplaced = new ArrayList<>();
        for (String key : json.keys()) {
            Neutral neutral = CHANGING.get(key);
            if (neutral != null && !neutral.allows.test(json.node().path(key))) {
                throw json.unsupported(key, "it would change results; %s or no such key is".formatted(neutral.shown));
            }
            if (OF_GENERATION.contains(key)) {
                misplaced.add(key);
            } else if (neutral == null
                    && !OBEYED.contains(key)
                    && !ofFamily.contains(key)
                    && !WITHOUT_EFFECT.contains(key)) {
                unknown.add(key);
            }
        }
        if (!unknown.isEmpty()) {
            warnings.add("config.json: unknown keys are ignored: " + Quote.list(unknown));
        }
        if (!misplaced.isEmpty()) {
            warnings.add("config.json: settings of generation are ignored here, their place is generation_config.json: "
                    + Quote.list(misplaced));
        }
    }
}
