package org.sparkqwen.engine.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Reads position embeddings in every form that transformers 4 and 5 write, with the precedence that
/// transformers 5.17 gives them (docs/models.md has the table):
///
/// 1. the object: `rope_scaling` unless it is null or empty, else `rope_parameters`, else none, which is the plain
///    embedding;
/// 2. the type: `rope_type` of the object, else its `type`, else `default`;
/// 3. the base: `rope_theta` of the object, else that of the config itself, else 10,000;
/// 4. the trained context of YaRN: `original_max_position_embeddings` of the config itself, else of the object, else
///    `max_position_embeddings`.
///
/// Settings that transformers ignores are ignored with a warning. Contradictions that no precedence settles are
/// refused.
final class RopeReader {
    private static final String SCALING = "rope_scaling";
    private static final String PARAMETERS = "rope_parameters";
    private static final String THETA = "rope_theta";
    private static final String ROPE_TYPE = "rope_type";
    private static final String TYPE = "type";
    private static final String ORIGINAL_POSITIONS = "original_max_position_embeddings";

    /// The default base of all families.
    private static final double DEFAULT_THETA = 10_000;

    /// An upper bound that no real model comes near, so that numbers do not overflow in float32.
    private static final double MOST = 1e6;

    private static final Set<String> KEYS_OF_ALL = Set.of(ROPE_TYPE, TYPE, THETA, "partial_rotary_factor");
    private static final Set<String> KEYS_OF_YARN = Set.of(
            "factor",
            ORIGINAL_POSITIONS,
            "attention_factor",
            "beta_fast",
            "beta_slow",
            "mscale",
            "mscale_all_dim",
            "truncate");

    private final ConfigJson config;
    private final int maxPositions;
    private final List<String> warnings;

    /// @param warnings gets a line for each remark to the user
    RopeReader(ConfigJson config, int maxPositions, List<String> warnings) {
        this.config = config;
        this.maxPositions = maxPositions;
        this.warnings = warnings;
    }

    Rope read() {
        refusePartialRotation(config);
        boolean scaling = hasContent(SCALING);
        boolean parameters = hasContent(PARAMETERS);
        if (!scaling && !parameters) {
            return new Rope.Plain(config.positiveNumber(THETA, DEFAULT_THETA));
        }
        String key = scaling ? SCALING : PARAMETERS;
        ConfigJson json = config.object(key);
        Rope rope = read(json, key);
        if (scaling && parameters) {
            settle(rope);
        }
        return rope;
    }

    /// Whether the object under `key` has content; an empty object counts as absent.
    private boolean hasContent(String key) {
        return config.has(key) && !config.object(key).node().isEmpty();
    }

    /// Settles `rope_parameters` beside `rope_scaling`. transformers 4 does not know the former, and 5 replaces
    /// them by the latter. Their base is lost with them, and nobody wants another base in its place, so that is
    /// refused.
    private void settle(Rope rope) {
        ConfigJson parameters = config.object(PARAMETERS);
        double stated = parameters.positiveNumber(THETA, rope.theta());
        if (stated != rope.theta()) {
            throw config.invalid(
                    "rope_parameters has the rope_theta %s, but rope_scaling goes before it and leads to %s;"
                                    .formatted(stated, rope.theta())
                            + " remove the object that is wrong");
        }
        ObjectNode other = parameters.node().deepCopy();
        ObjectNode taken = config.object(SCALING).node().deepCopy();
        if (!other.without(THETA).equals(taken.without(THETA))) {
            warn("rope_scaling is taken, and the rope_parameters beside it are ignored, as transformers does");
        }
    }

    private Rope read(ConfigJson json, String key) {
        refusePartialRotation(json);
        String typeKey = json.has(ROPE_TYPE) ? ROPE_TYPE : TYPE;
        String type = json.has(typeKey) ? json.text(typeKey) : "default";
        if (json.has(ROPE_TYPE) && json.has(TYPE) && !json.text(TYPE).equals(type)) {
            warn("%s: rope_type %s is taken, and type %s beside it is ignored, as transformers does"
                    .formatted(key, Quote.of(type), Quote.of(json.text(TYPE))));
        }
        double theta = theta(json, key);
        return switch (type) {
            case "default" -> {
                warnOfOthers(json, key, Set.of(), "has no effect on the type default");
                yield new Rope.Plain(theta);
            }
            case "yarn" -> {
                warnOfOthers(json, key, KEYS_OF_YARN, "is unknown and ignored, as transformers does");
                yield yarn(json, key, theta);
            }
            default -> throw json.unsupported(typeKey, "default and yarn are");
        };
    }

    private double theta(ConfigJson json, String key) {
        double outside = config.positiveNumber(THETA, DEFAULT_THETA);
        double theta = json.positiveNumber(THETA, outside);
        if (config.has(THETA) && theta != outside) {
            warn("the rope_theta %s of %s is taken, and %s beside it is ignored, as transformers 5 does"
                    .formatted(theta, key, outside));
        }
        return theta;
    }

    private Rope yarn(ConfigJson json, String key, double theta) {
        if (theta <= 1) {
            throw config.invalid("rope_theta must be above 1 for YaRN, not " + theta);
        }
        ConfigJson holder = config.has(ORIGINAL_POSITIONS) ? config : json;
        int original = holder.has(ORIGINAL_POSITIONS)
                ? (int) holder.number(
                        ORIGINAL_POSITIONS,
                        value -> value >= 1 && value <= ModelConfig.MAX_POSITIONS && value == Math.rint(value),
                        "a whole number from 1 to %,d".formatted(ModelConfig.MAX_POSITIONS))
                : maxPositions;
        double implied = (double) maxPositions / original;
        double factor = factor(json, implied);
        if (factor != implied && implied != 1) {
            warn("%s: the factor %s is taken, as transformers 5 does, not max_position_embeddings / %s = %s"
                    .formatted(key, factor, ORIGINAL_POSITIONS, implied));
        }
        return new Rope.Yarn(
                theta,
                factor,
                original,
                json.has("attention_factor") ? positive(json, "attention_factor") : attentionFactor(json, factor),
                beta(json, "beta_fast", 32),
                beta(json, "beta_slow", 1),
                !json.node().has("truncate") || json.flag("truncate", false)); // null is false in Python
    }

    /// The factor of YaRN. If it is null, the ratio of the two contexts is taken; if it is absent, that is an
    /// error, as in transformers.
    private static double factor(ConfigJson json, double implied) {
        return json.node().path("factor").isNull() ? implied : positive(json, "factor");
    }

    /// The factor by which YaRN multiplies cosines and sines; DeepSeek's models divide two such factors.
    private static double attentionFactor(ConfigJson json, double factor) {
        double mscale = optional(json, "mscale");
        double ofAllDimensions = optional(json, "mscale_all_dim");
        return mscale != 0 && ofAllDimensions != 0
                ? scale(factor, mscale) / scale(factor, ofAllDimensions)
                : scale(factor, 1);
    }

    private static double scale(double factor, double mscale) {
        return factor <= 1 ? 1 : 0.1 * mscale * StrictMath.log(factor) + 1;
    }

    /// Reads a beta; 0 and null count as absent, as in Python.
    private static double beta(ConfigJson json, String key, double absent) {
        double beta = optional(json, key);
        return beta == 0 ? absent : beta;
    }

    private static double optional(ConfigJson json, String key) {
        return json.has(key)
                ? json.number(key, value -> value >= 0 && value <= MOST, "a number from 0 to 1,000,000")
                : 0;
    }

    private static double positive(ConfigJson json, String key) {
        json.positiveNumber(key);
        return json.number(key, value -> value >= 1 / MOST && value <= MOST, "a number from 0.000001 to 1,000,000");
    }

    private static void refusePartialRotation(ConfigJson json) {
        if (json.has("partial_rotary_factor") && json.positiveNumber("partial_rotary_factor") != 1) {
            throw json.unsupported("partial_rotary_factor", "every pair of a head is turned: 1.0");
        }
    }

    /// @param known keys beside those that every form has
    private void warnOfOthers(ConfigJson json, String key, Set<String> known, String what) {
        for (String other : json.keys()) {
            JsonNode value = json.node().path(other);
            if (value.isObject()) {
                throw json.unsupported(other, "all layers have the same position embedding");
            }
            if (!KEYS_OF_ALL.contains(other) && !known.contains(other)) {
                warn("%s: the key %s %s".formatted(key, Quote.of(other), what));
            }
        }
    }

    private void warn(String line) {
        warnings.add("config.json: " + line);
    }
}
