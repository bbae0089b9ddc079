package org.sparkqwen.engine.tokenizer;

/// A part of a text that is put together from several sources, such as a template and the values in it.
///
/// @param special what special tokens mean in the part
public record TextPart(String text, SpecialTokens special) {}
