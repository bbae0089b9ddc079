package org.sparkqwen.engine.sampling;

import java.io.Serializable;
import java.util.Map;

/// The parameters that choose the next token. They are applied in this order: logit bias, penalties (both in the order
/// of transformers and vLLM), rules, temperature, top-k, top-p, min-p (as in transformers; vLLM applies min-p before
/// top-k).
///
/// @param temperature divides logits; 0 is greedy decoding
/// @param topK only the K most likely tokens remain; 0 for all, as -1 in vLLM
/// @param topP only the most likely tokens that reach this probability together remain; 1 for all
/// @param minP only tokens at least this fraction as likely as the most likely one remain; 0 for all
/// @param penalties penalties for tokens that occurred before
/// @param logitBias added to the logits of these ids, in nats
/// @param rules tokens that are forbidden or forced
/// @param seed seed of the random generator, together with the prompt and the sample's number
public record SamplingParams(
        double temperature,
        int topK,
        double topP,
        double minP,
        Penalties penalties,
        Map<Integer, Double> logitBias,
        TokenRules rules,
        long seed)
        implements Serializable {

    /// Greedy decoding, which takes the most likely token.
    public static final SamplingParams GREEDY = new SamplingParams(0, 0, 1, 0, Penalties.NONE, Map.of(), 0);

    public SamplingParams {
        Requirement.require(
                temperature >= 0 && Double.isFinite(temperature),
                "temperature must be a number of at least 0, not " + temperature);
        topK = topK == -1 ? 0 : topK;
        Requirement.require(topK >= 0, "top-k must be at least 0, not " + topK);
        Requirement.require(topP > 0 && topP <= 1, "top-p must be above 0 and at most 1, not " + topP);
        Requirement.require(minP >= 0 && minP <= 1, "min-p must be from 0 to 1, not " + minP);
        logitBias = Map.copyOf(logitBias);
        logitBias.forEach((token, bias) -> Requirement.require(
                Double.isFinite(bias), "the logit-bias of token %d must be a number".formatted(token)));
    }

    /// Makes parameters without rules.
    public SamplingParams(
            double temperature,
            int topK,
            double topP,
            double minP,
            Penalties penalties,
            Map<Integer, Double> logitBias,
            long seed) {
        this(temperature, topK, topP, minP, penalties, logitBias, TokenRules.NONE, seed);
    }

    public SamplingParams withRules(TokenRules value) {
        return new SamplingParams(temperature, topK, topP, minP, penalties, logitBias, value, seed);
    }

    public boolean greedy() {
        return temperature == 0;
    }

    /// Whether the choice is made among the model's own logits.
    boolean leavesLogits() {
        return logitBias.isEmpty() && penalties.equals(Penalties.NONE);
    }

    public SamplingParams withTemperature(double value) {
        return new SamplingParams(value, topK, topP, minP, penalties, logitBias, rules, seed);
    }

    public SamplingParams withTopK(int value) {
        return new SamplingParams(temperature, value, topP, minP, penalties, logitBias, rules, seed);
    }

    public SamplingParams withTopP(double value) {
        return new SamplingParams(temperature, topK, value, minP, penalties, logitBias, rules, seed);
    }

    public SamplingParams withMinP(double value) {
        return new SamplingParams(temperature, topK, topP, value, penalties, logitBias, rules, seed);
    }

    public SamplingParams withPenalties(Penalties value) {
        return new SamplingParams(temperature, topK, topP, minP, value, logitBias, rules, seed);
    }

    public SamplingParams withLogitBias(Map<Integer, Double> value) {
        return new SamplingParams(temperature, topK, topP, minP, penalties, value, rules, seed);
    }

    public SamplingParams withSeed(long value) {
        return new SamplingParams(temperature, topK, topP, minP, penalties, logitBias, rules, value);
    }
}
