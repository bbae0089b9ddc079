package org.sparkqwen.engine.run;

/// What a text goes on from.
///
/// @param tokens at least one
/// @param hasTools whether the model was told of tools that it may call
record Prompt(int[] tokens, ReasoningStart reasoning, boolean hasTools) {}
