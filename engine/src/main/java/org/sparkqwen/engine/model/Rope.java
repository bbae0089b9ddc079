package org.sparkqwen.engine.model;

import java.util.Set;
import java.util.TreeSet;

/// Which rotary position embedding a model has.
public sealed interface Rope {
    /// The base of the geometric series of wavelengths.
    double theta();

    /// The embedding a model is trained with.
    record Plain(double theta) implements Rope {}

    /// YaRN (Peng et al. 2023, arXiv:2309.00071): slow pairs are interpolated by `factor`, fast ones are not, those
    /// between are blended; cosines and sines are scaled by `attentionFactor`.
    ///
    /// @param originalPositions the context that the model was trained with
    /// @param betaFast turns within the trained context from which a pair is not interpolated
    /// @param betaSlow turns below which a pair is interpolated in full
    record Yarn(
            double theta,
            double factor,
            int originalPositions,
            double attentionFactor,
            double betaFast,
            double betaSlow)
            implements Rope {}

    /// Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4).
    static Rope read(ConfigJson config, int maxPositions) {
        if (config.has("rope_parameters")) {
            ConfigJson parameters = config.object("rope_parameters");
            return read(parameters, parameters.positiveNumber("rope_theta"), maxPositions);
        }
        double theta = config.positiveNumber("rope_theta", 10_000);
        return config.has("rope_scaling") ? read(config.object("rope_scaling"), theta, maxPositions) : new Plain(theta);
    }

    private static Rope read(ConfigJson json, double theta, int maxPositions) {
        String typeKey = json.has("rope_type") ? "rope_type" : "type";
        return switch (json.text(typeKey)) {
            case "default" -> {
                refuseOtherKeys(json, Set.of(typeKey, "rope_theta"));
                yield new Plain(theta);
            }
            case "yarn" -> {
                refuseOtherKeys(
                        json,
                        Set.of(
                                typeKey,
                                "rope_theta",
                                "factor",
                                "original_max_position_embeddings",
                                "attention_factor",
                                "beta_fast",
                                "beta_slow"));
                double factor = json.positiveNumber("factor");
                yield new Yarn(
                        theta,
                        factor,
                        json.has("original_max_position_embeddings")
                                ? json.positiveInt("original_max_position_embeddings", ModelConfig.MAX_POSITIONS)
                                : maxPositions,
                        json.positiveNumber("attention_factor", factor <= 1 ? 1 : 0.1 * StrictMath.log(factor) + 1),
                        json.positiveNumber("beta_fast", 32),
                        json.positiveNumber("beta_slow", 1));
            }
            default -> throw json.unsupported(typeKey, "default and yarn are");
        };
    }

    private static void refuseOtherKeys(ConfigJson json, Set<String> known) {
        Set<String> unknown = new TreeSet<>(json.keys());
        unknown.removeAll(known);
        if (!unknown.isEmpty()) {
            throw json.unsupported(unknown.iterator().next(), "it would change the position embedding");
        }
    }
}
