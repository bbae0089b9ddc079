package org.sparkqwen.engine.tokenizer;

/// A token that is matched in the text itself, before any normalization or splitting.
///
/// @param content not empty
/// @param special a command to the model rather than text, such as `<|endoftext|>`
record AddedToken(int id, String content, boolean special) {}
