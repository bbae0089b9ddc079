package org.sparkqwen.engine.tokenizer;

/// A piece of a text that is put together from several sources, such as a template and what it is filled with.
///
/// @param special what special tokens mean in the piece
public record TextPart(String text, SpecialTokens special) {}
