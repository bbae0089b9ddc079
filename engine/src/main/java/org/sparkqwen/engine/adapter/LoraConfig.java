package org.sparkqwen.engine.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelJson;

/// The settings of a LoRA adapter, from PEFT's `adapter_config.json`. A key that would change the weights in another
/// way is refused, and so is every unknown key that is set to anything but null, false, or nothing.
///
/// @param rank the number of rows of A and of columns of B, if no pattern of `ranks` fits a module
/// @param alpha the numerator of the scale, if no pattern of `alphas` fits a module
/// @param rankStabilized whether the scale is alpha / √rank instead of alpha / rank (rsLoRA)
/// @param ranks other ranks, by patterns of module names
/// @param alphas other numerators, by patterns of module names
record LoraConfig(
        int rank,
        double alpha,
        boolean rankStabilized,
        TargetModules targets,
        ModulePatterns<Integer> ranks,
        ModulePatterns<Double> alphas) {
    private static final int MOST_RANK = 1 << 16;

    /// Keys that this class reads.
    private static final Set<String> READ = Set.of(
            "peft_type",
            "r",
            "lora_alpha",
            "use_rslora",
            TargetModules.KEY,
            "rank_pattern",
            "alpha_pattern",
            "bias",
            "init_lora_weights");

    /// Keys that matter in training alone, that only belong to another key, or that say where the adapter is from.
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "auto_mapping",
            "base_model_name_or_path",
            "corda_config",
            "ensure_weight_tying",
            "eva_config",
            "inference_mode",
            "layers_pattern",
            "loftq_config",
            "lora_dropout",
            "lora_ga_config",
            "megatron_config",
            "megatron_core",
            "peft_version",
            "qalora_group_size",
            "revision",
            "runtime_config",
            "task_type");

    /// Ways of beginning the training that leave the base model as it is. Others change the base, too.
    private static final Set<String> PLAIN_BEGINNINGS = Set.of("gaussian", "eva", "orthogonal", "true", "false");

    /// Reads the settings of an adapter.
    ///
    /// @throws InvalidModelException if they are malformed, or if they ask for more than this engine merges
    static LoraConfig read(Path file) {
        ConfigJson config = new ConfigJson(Quote.line(file.toString()), ModelJson.readObject(file));
        if (!config.text("peft_type").equals("LORA")) {
            throw config.unsupported("peft_type", "only LORA is merged");
        }
        refuseOthers(config);
        return new LoraConfig(
                config.positiveInt("r", MOST_RANK),
                alpha(config, "lora_alpha"),
                config.flag("use_rslora", false),
                TargetModules.of(config),
                ModulePatterns.of(config, "rank_pattern", LoraConfig::rank),
                ModulePatterns.of(config, "alpha_pattern", LoraConfig::alpha));
    }

    private static void refuseOthers(ConfigJson config) {
        if (config.has("bias") && !config.text("bias").equals("none")) {
            throw config.unsupported("bias", "an adapter with biases is not merged, only one with \"none\"");
        }
        JsonNode beginning = config.node().path("init_lora_weights");
        if (config.has("init_lora_weights") && !PLAIN_BEGINNINGS.contains(beginning.asText())) {
            throw config.unsupported(
                    "init_lora_weights", "it changes the base model, too; convert the adapter to plain LoRA with PEFT");
        }
        for (String key : config.keys()) {
            if (!READ.contains(key)
                    && !WITHOUT_EFFECT.contains(key)
                    && isSet(config.node().path(key))) {
                throw config.unsupported(key, "the adapter would not be merged as PEFT does it");
            }
        }
    }

    private static boolean isSet(JsonNode value) {
        boolean isNothing = value.isBoolean() ? !value.booleanValue() : value.isContainerNode() && value.isEmpty();
        return !isNothing;
    }

    /// The rank of a module.
    int rank(String module) {
        return ranks.of(module, rank);
    }

    /// The factor of a module's product B·A: alpha / rank, or alpha / √rank.
    float scale(String module) {
        double root = rankStabilized ? Math.sqrt(rank(module)) : rank(module);
        return (float) (alphas.of(module, alpha) / root);
    }

    private static int rank(ConfigJson patterns, String pattern) {
        return patterns.positiveInt(pattern, MOST_RANK);
    }

    private static double alpha(ConfigJson patterns, String pattern) {
        return patterns.number(pattern, alpha -> true, "a number");
    }
}
