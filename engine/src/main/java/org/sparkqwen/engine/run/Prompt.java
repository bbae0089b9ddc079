package org.sparkqwen.engine.run;

/// The prompt that a text continues.
///
/// @param tokens token ids, at least one
/// @param hasTools whether the model was told of tools that it may call
record Prompt(int[] tokens, ReasoningStart reasoning, boolean hasTools) {}
