package org.sparkqwen.engine.tokenizer;

/// The meaning of a special token's text, such as `<|endoftext|>`, when text is encoded.
///
/// Added tokens that are not special, such as `<think>`, are always matched.
public enum SpecialTokens {
    /// The text of a special token is text like any other, so a document cannot end itself. Hugging Face calls this
    /// `encode_special_tokens=True`.
    TEXT,
    /// The text of a special token becomes its id.
    PARSE
}
