package org.sparkqwen.engine.sampling;

import java.io.Serializable;

/// Penalties that make a text repeat itself less. transformers and vLLM define the repetition penalty alike; the other
/// two are those of vLLM and OpenAI, which transformers does not have.
///
/// @param repetition repetition penalty: for every token in the prompt or the text, a positive logit is divided by it,
///     and any other multiplied; 1 for none
/// @param presence presence penalty: subtracted from the logit of every token in the text, not the prompt; 0 for none
/// @param frequency frequency penalty: subtracted for each time that a token is in the text; 0 for none
public record Penalties(double repetition, double presence, double frequency) implements Serializable {
    public static final Penalties NONE = new Penalties(1, 0, 0);

    public Penalties {
        Requirement.require(
                repetition > 0 && Double.isFinite(repetition),
                "repetition-penalty must be a number above 0, not " + repetition);
        Requirement.require(Math.abs(presence) <= 2, "presence-penalty must be from -2 to 2, not " + presence);
        Requirement.require(Math.abs(frequency) <= 2, "frequency-penalty must be from -2 to 2, not " + frequency);
    }

    public Penalties withRepetition(double value) {
        return new Penalties(value, presence, frequency);
    }

    public Penalties withPresence(double value) {
        return new Penalties(repetition, value, frequency);
    }

    public Penalties withFrequency(double value) {
        return new Penalties(repetition, presence, value);
    }
}
