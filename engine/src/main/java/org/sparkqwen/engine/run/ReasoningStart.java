package org.sparkqwen.engine.run;

/// The start of the reasoning in a text that is being generated.
public enum ReasoningStart {
    /// The text is an answer from its first token on: no reasoning was asked for, or the prompt has closed it.
    NONE,
    /// Reasoning was asked for, and the model is expected to open it.
    EXPECTED,
    /// The prompt ends within reasoning.
    OPEN
}
